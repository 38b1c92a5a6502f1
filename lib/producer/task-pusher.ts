import type { RunStatement } from '../storage/executor.js';
import type { StoredKey, TaskRepository } from '../storage/task.repository.js';
import type { PushResult } from '../task/task.js';
import type { TaskDraft } from '../task/task-draft.js';

/** Bounds one statement: rows, and characters of payload. */
const MAX_ROWS = 2000;
const MAX_CHARACTERS = 8 * 1024 * 1024;

/** Whether storing these takes more than one statement. */
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

/** Stores drafts in bounded statements and says in order what became of each. */
export class TaskPusher {
  constructor(private readonly repository: TaskRepository) {}

  async push(run: RunStatement, drafts: readonly TaskDraft[], replace: boolean): Promise<PushResult[]> {
    if (drafts[0]!.externalKey === null && !needsTransaction(drafts)) {
      return (await this.repository.push(run, drafts)).map(pushedAs);
    }
    const results: PushResult[] = Array.from({ length: drafts.length });
    const keyless = indexes(drafts, ({ externalKey }) => externalKey === null);
    const keyed = indexes(drafts, ({ externalKey }) => externalKey !== null);
    for (const chunk of chunks(drafts, keyless)) {
      const ids = await this.repository.push(
        run,
        chunk.map((index) => drafts[index]!),
      );
      chunk.forEach((index, place) => (results[index] = pushedAs(ids[place]!)));
    }
    // In the order of their keys, so that two batches wait for each other instead of deadlocking.
    keyed.sort((a, b) => byKey(drafts[a]!, drafts[b]!) || a - b);
    for (const chunk of chunks(drafts, keyed)) {
      await this.pushKeyed(run, drafts, chunk, replace, results);
    }
    return results;
  }

  private async pushKeyed(
    run: RunStatement,
    drafts: readonly TaskDraft[],
    chunk: number[],
    replace: boolean,
    results: PushResult[],
  ): Promise<void> {
    // One statement can't meet a key twice: of namesakes the first is stored, or, replacing, the last.
    const byName = new Map<string, number[]>();
    for (const index of chunk) {
      const name = nameOf(drafts[index]!);
      byName.set(name, [...(byName.get(name) ?? []), index]);
    }
    const chosen = [...byName.values()].map((namesakes) => (replace ? namesakes.at(-1)! : namesakes[0]!));
    const stored = toIds(
      await this.repository.pushKeyed(
        run,
        chosen.map((index) => drafts[index]!),
        replace,
      ),
    );
    const met = chosen.filter((index) => !stored.has(nameOf(drafts[index]!)));
    const existing =
      met.length > 0
        ? toIds(
            await this.repository.findByKeys(
              run,
              met.map((index) => drafts[index]!),
            ),
          )
        : stored;
    for (const [name, namesakes] of byName) {
      const id = stored.get(name);
      for (const [place, index] of namesakes.entries()) {
        const pushed = id !== undefined && (replace || place === 0);
        results[index] = { id: id ?? existing.get(name) ?? null, status: pushed ? 'pushed' : 'duplicate' };
      }
    }
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

/** The order of code units, whatever the locale: the same in every process. */
function byKey(a: TaskDraft, b: TaskDraft): number {
  return a.kind - b.kind || (a.externalKey! < b.externalKey! ? -1 : Number(a.externalKey !== b.externalKey));
}

function indexes(drafts: readonly TaskDraft[], accept: (draft: TaskDraft) => boolean): number[] {
  return [...drafts.keys()].filter((index) => accept(drafts[index]!));
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
