import { isCertainlyRolledBack } from '../storage/sql-state.js';
import type { PushResult } from '../task/task.js';
import type { TaskDraft } from '../task/task-draft.js';

/** A push of more tasks is a batch already. */
const MAX_GATHERED = 100;
const MAX_ROWS = 1000;
const MAX_CHARACTERS = 1024 * 1024;
/** While so many statements are on their way, what comes gathers for the next. */
const MAX_ON_THEIR_WAY = 4;

interface WaitingPush {
  readonly drafts: readonly TaskDraft[];
  readonly resolve: (results: PushResult[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Stores pushes that come at once, outside any transaction, by one statement and one commit. Nothing waits for company: a push
 * goes at once unless several are on their way. Only for tasks without keys: a key may wait for somebody's open transaction.
 */
export class PushBatcher {
  private waiting: WaitingPush[] = [];
  private onTheirWay = 0;

  /**
   * @param store stores drafts by one statement that commits by itself
   * @param background calls what is of no single push, in a context that is nobody's
   */
  constructor(
    private readonly store: (drafts: readonly TaskDraft[]) => Promise<PushResult[]>,
    private readonly background: (work: () => void) => void,
  ) {}

  push(drafts: readonly TaskDraft[]): Promise<PushResult[]> {
    if (drafts.length > MAX_GATHERED) {
      return this.store(drafts);
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ drafts, resolve, reject });
      this.flush();
    });
  }

  private flush(): void {
    while (this.waiting.length > 0 && this.onTheirWay < MAX_ON_THEIR_WAY) {
      this.onTheirWay++;
      void this.write(this.take()).then(() => {
        this.onTheirWay--;
        if (this.waiting.length > 0) {
          // What has gathered: the statement that stores it is that of no one push, least of all of the one that has just ended.
          this.background(() => this.flush());
        }
      });
    }
  }

  private take(): WaitingPush[] {
    let rows = 0;
    let characters = 0;
    let count = 0;
    for (const { drafts } of this.waiting) {
      rows += drafts.length;
      characters += drafts.reduce((sum, { payload }) => sum + payload.length, 0);
      if (count > 0 && (rows > MAX_ROWS || characters > MAX_CHARACTERS)) {
        break;
      }
      count++;
    }
    return this.waiting.splice(0, count);
  }

  /** Never rejects. */
  private async write(pushes: readonly WaitingPush[]): Promise<void> {
    try {
      const results = await this.store(pushes.flatMap(({ drafts }) => drafts));
      let place = 0;
      for (const { drafts, resolve } of pushes) {
        resolve(results.slice(place, place + drafts.length));
        place += drafts.length;
      }
    } catch (error) {
      await this.refuse(pushes, error);
    }
  }

  /** One push must not fail for what another brought, where it is certain that nothing was stored. */
  private async refuse(pushes: readonly WaitingPush[], error: unknown): Promise<void> {
    if (pushes.length > 1 && isCertainlyRolledBack(error)) {
      for (const push of pushes) {
        await this.write([push]);
      }
    } else {
      pushes.forEach(({ reject }) => reject(error));
    }
  }
}
