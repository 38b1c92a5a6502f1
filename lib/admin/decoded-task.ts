import { decodePayload, encodedText, type PayloadCodec } from '../task/payload-codec.js';
import type { TaskDetail } from '../inspect/task-view.js';

/** The task with the payload that its handler would get. @throws TaskPayloadError when the payload can't be decoded in this process */
export async function decodedTask(
  task: TaskDetail,
  codecOf: (kind: number) => PayloadCodec | undefined,
): Promise<TaskDetail> {
  const encoded = encodedText(task.payload);
  return encoded === undefined
    ? task
    : { ...task, payload: await decodePayload(codecOf(task.kind), encoded, task) };
}
