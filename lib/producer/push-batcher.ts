import { isCertainlyRolledBack } from '../storage/sql-state.js';
import type { PushResult } from '../task/task.js';
import type { TaskDraft } from '../task/task-draft.js';

/** A push of more tasks is a statement of its own. */
const MAX_BATCHED = 100;
const MAX_ROWS = 1000;
const MAX_CHARACTERS = 1024 * 1024;
/** While so many statements run, further pushes wait for the next one. */
const MAX_RUNNING = 4;

interface WaitingPush {
  readonly drafts: readonly TaskDraft[];
  readonly resolve: (results: PushResult[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Stores pushes that come at the same time, outside any transaction, by one statement and one commit. No push waits for others to come:
 * it is sent at once unless several statements run. Only for tasks without keys: a key may wait for somebody's open transaction.
 */
export class PushBatcher {
  private waiting: WaitingPush[] = [];
  /** How many statements run. */
  private running = 0;

  /**
   * @param store stores drafts by one statement that commits by itself
   * @param background calls what is of no single push, in an async context of the queue's own
   */
  constructor(
    private readonly store: (drafts: readonly TaskDraft[]) => Promise<PushResult[]>,
    private readonly background: (work: () => void) => void,
  ) {}

  push(drafts: readonly TaskDraft[]): Promise<PushResult[]> {
    if (drafts.length > MAX_BATCHED) {
      return this.store(drafts);
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ drafts, resolve, reject });
      this.flush();
    });
  }

  private flush(): void {
    while (this.waiting.length > 0 && this.running < MAX_RUNNING) {
      this.running++;
      void this.write(this.take()).then(() => {
        this.running--;
        if (this.waiting.length > 0) {
          // The next statement is of all pushes that wait, and not of the one that has just ended.
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
      let start = 0;
      for (const { drafts, resolve } of pushes) {
        resolve(results.slice(start, start + drafts.length));
        start += drafts.length;
      }
    } catch (error) {
      await this.refuse(pushes, error);
    }
  }

  /** Stores each push by a statement of its own where it is certain that nothing was stored: none must fail for another's tasks. */
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
