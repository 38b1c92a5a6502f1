import type { DatabaseEncoding } from '../storage/database-encoding.js';
import type { RunStatement } from '../storage/executor.js';
import type { StoredKey, TaskRepository } from '../storage/task.repository.js';
import type { PushResult } from '../task/task.js';
import type { TaskDraft } from '../task/task-draft.js';

/** The most rows of one statement, and characters of payload. */
const MAX_ROWS = 2000;
const MAX_CHARACTERS = 8 * 1024 * 1024;

/** How often a task is pushed again whose key was taken by a task that has gone since. */
const MAX_AGAIN = 10;

/** Whether these tasks are stored by more than one statement. */
export function needsTransaction(drafts: readonly TaskDraft[]): boolean {
  let keyed = 0;
  let characters = 0;
  for (const { externalKey, payload } of drafts) {
    keyed += Number(externalKey !== null);
    characters += payload.length;
  }
  const isMixed = keyed > 0 && keyed < drafts.length;
  return isMixed || drafts.length > MAX_ROWS || characters > MAX_CHARACTERS;
}

/** Stores drafts by statements of bounded size, and returns the result of each in order. */
export class TaskPusher {
  constructor(
    private readonly repository: TaskRepository,
    private readonly encoding: DatabaseEncoding,
  ) {}

  /** @param own whether the transaction is the queue's: a task whose key was taken by a task that has gone is pushed again */
  async push(
    run: RunStatement,
    pushed: readonly TaskDraft[],
    replace: boolean,
    own: boolean,
  ): Promise<PushResult[]> {
    const storable = this.encoding.drafts(run, pushed);
    const drafts = storable instanceof Promise ? await storable : storable;
    if (drafts[0]!.externalKey === null && !needsTransaction(drafts)) {
      return (await this.repository.push(run, drafts)).map(pushedAs);
    }
    const results: PushResult[] = Array.from({ length: drafts.length });
    const keyless = indexes(drafts, ({ externalKey }) => externalKey === null);
    const keyed = indexes(drafts, ({ externalKey }) => externalKey !== null);
    for (const chunk of chunks(drafts, keyless)) {
      const ids = await this.repository.push(run, pick(drafts, chunk));
      chunk.forEach((index, position) => (results[index] = pushedAs(ids[position]!)));
    }
    // In the order of their keys, so that two batches wait for each other instead of deadlocking.
    keyed.sort((a, b) => byKey(drafts[a]!, drafts[b]!) || a - b);
    for (const chunk of chunks(drafts, keyed)) {
      let gone = await this.pushKeyed(run, drafts, chunk, replace, results);
      for (let left = own ? MAX_AGAIN : 0; left > 0 && gone.length > 0; left--) {
        gone = await this.pushKeyed(run, drafts, gone, replace, results);
      }
    }
    return results;
  }

  /** @returns the tasks whose key was taken by a task that has gone since, or that this transaction does not see */
  private async pushKeyed(
    run: RunStatement,
    drafts: readonly TaskDraft[],
    chunk: number[],
    replace: boolean,
    results: PushResult[],
  ): Promise<number[]> {
    // One statement can't store a key twice: of tasks with the same key the first is stored, or, replacing, the last.
    const byName = new Map<string, number[]>();
    for (const index of chunk) {
      const name = nameOf(drafts[index]!);
      byName.set(name, [...(byName.get(name) ?? []), index]);
    }
    const chosen = [...byName.values()].map((namesakes) => (replace ? namesakes.at(-1)! : namesakes[0]!));
    const stored = toIds(await this.repository.pushKeyed(run, pick(drafts, chosen), replace));
    const met = chosen.filter((index) => !stored.has(nameOf(drafts[index]!)));
    const existing =
      met.length > 0 ? toIds(await this.repository.findByKeys(run, pick(drafts, met))) : stored;
    const gone: number[] = [];
    for (const [name, namesakes] of byName) {
      const id = stored.get(name);
      if (id === undefined && !existing.has(name)) {
        gone.push(...namesakes);
      }
      for (const [position, index] of namesakes.entries()) {
        const pushed = id !== undefined && (replace || position === 0);
        results[index] = { id: id ?? existing.get(name) ?? null, status: pushed ? 'pushed' : 'duplicate' };
      }
    }
    return gone;
  }
}

function pushedAs(id: string): PushResult {
  return { id, status: 'pushed' };
}

function toIds(rows: readonly StoredKey[]): Map<string, string> {
  return new Map(rows.map((row) => [nameOf(row), row.id]));
}

function nameOf({ kind, externalKey }: { kind: number; externalKey: string | null }): string {
  return `${kind}:${externalKey}`;
}

/** Compares by code units, whatever the locale: the order is the same in every process. */
function byKey(a: TaskDraft, b: TaskDraft): number {
  return a.kind - b.kind || (a.externalKey! < b.externalKey! ? -1 : Number(a.externalKey !== b.externalKey));
}

function indexes(drafts: readonly TaskDraft[], accept: (draft: TaskDraft) => boolean): number[] {
  return [...drafts.keys()].filter((index) => accept(drafts[index]!));
}

function pick(drafts: readonly TaskDraft[], chosen: readonly number[]): TaskDraft[] {
  return chosen.map((index) => drafts[index]!);
}

function* chunks(drafts: readonly TaskDraft[], order: readonly number[]): Generator<number[]> {
  let chunk: number[] = [];
  let characters = 0;
  for (const index of order) {
    const { length } = drafts[index]!.payload;
    if (chunk.length > 0 && (chunk.length === MAX_ROWS || characters + length > MAX_CHARACTERS)) {
      yield chunk;
      chunk = [];
      characters = 0;
    }
    chunk.push(index);
    characters += length;
  }
  if (chunk.length > 0) {
    yield chunk;
  }
}
