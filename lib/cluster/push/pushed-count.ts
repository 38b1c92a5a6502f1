import type { PushResult } from '../../task/task.js';
import type { TaskDraft } from '../../task/task-draft.js';

/** How many tasks of each kind were stored. Most pushes are of one kind, which is counted without a look-up for each task. */
export function countPushed(
  drafts: readonly TaskDraft[],
  results: readonly PushResult[],
): Map<number, number> {
  const counts = new Map<number, number>();
  let kind = drafts[0]!.kind;
  let count = 0;
  for (let index = 0; index < drafts.length; index++) {
    const draft = drafts[index]!;
    if (draft.kind !== kind) {
      counts.set(kind, count);
      kind = draft.kind;
      count = counts.get(kind) ?? 0;
    }
    count += Number(results[index]!.status === 'pushed');
  }
  counts.set(kind, count);
  return new Map([...counts].filter(([, pushed]) => pushed > 0));
}
