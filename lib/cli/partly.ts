import { errorMessage } from '../errors/error-message.js';
import { PartialFailureError } from '../errors/pg-queue.errors.js';
import { oneLine } from './output.js';

/** What came of the shards that could be asked, and why not of the others: a command shows the first, and ends with the second. */
export class PartlyDone {
  private readonly failures = new Map<string, unknown>();

  /** @throws what fails as a whole */
  async of<T>(asked: Promise<T>): Promise<T> {
    try {
      return await asked;
    } catch (error) {
      if (!(error instanceof PartialFailureError)) {
        throw error;
      }
      error.errors.forEach((reason, shard) => this.failures.set(shard, reason));
      return error.result as T;
    }
  }

  /** One for each shard. */
  get complaints(): string[] {
    return [...this.failures].map(([shard, error]) => `shard ${shard}: ${oneLine(errorMessage(error))}`);
  }
}
