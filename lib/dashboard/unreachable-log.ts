import { logRefused, refusalOf } from './error-response.js';

/** Open pages ask again and again while a shard is away: one line in so long is enough. */
const QUIET_MS = 60_000;

/** Writes down why shards are missing in answers: a visitor is told of it as little as of other errors. */
export class UnreachableLog {
  private readonly quietUntil = new Map<string, number>();

  tell(errors: Iterable<readonly [shard: string, error: unknown]>): void {
    for (const [shard, error] of errors) {
      if (performance.now() >= (this.quietUntil.get(shard) ?? 0)) {
        this.quietUntil.set(shard, performance.now() + QUIET_MS);
        logRefused(`shard ${shard}`, refusalOf(error).status, error);
      }
    }
  }
}
