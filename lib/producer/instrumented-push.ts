import type { InstrumentedPush, Instruments, PushInfo } from '../events/instrumentation.js';
import type { PushResult } from '../task/task.js';
import type { TaskDraft } from '../task/task-draft.js';

/** Stores drafts within the span of the instrumentation, if there is one; its trace is stored with each task. */
export function pushInstrumented(
  instruments: Instruments,
  describe: () => PushInfo,
  drafts: readonly TaskDraft[],
  store: (drafts: readonly TaskDraft[]) => Promise<PushResult[]>,
): Promise<PushResult[]> {
  const push = instruments.startPush(describe);
  return push ? pushWithin(push, drafts, store) : store(drafts);
}

async function pushWithin(
  push: InstrumentedPush,
  drafts: readonly TaskDraft[],
  store: (drafts: readonly TaskDraft[]) => Promise<PushResult[]>,
): Promise<PushResult[]> {
  const { trace } = push;
  try {
    const results = await push.run(() => store(drafts.map((draft) => ({ ...draft, trace }))));
    push.succeeded(results);
    return results;
  } catch (error) {
    push.failed(error);
    throw error;
  }
}
