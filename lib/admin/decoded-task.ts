import { decodePayload, encodedText, type PayloadCodec } from '../task/payload-codec.js';
import type { TaskDetail } from '../inspect/task-view.js';

/** How `QueueAdmin.task` shows a task. */
export interface TaskOptions {
  /** Decode a payload that a codec has encoded. Default false: it is shown as it is stored. */
  decoded?: boolean;
  /** A payload that is stored longer is null. Default: none is. */
  maxPayloadBytes?: number;
}

/** The task with the payload that its handler would be given. @throws TaskPayloadError when it can't be decoded here */
export async function decodedTask(
  task: TaskDetail,
  codecOf: (kind: number) => PayloadCodec | undefined,
): Promise<TaskDetail> {
  const encoded = encodedText(task.payload);
  return encoded === undefined
    ? task
    : { ...task, payload: await decodePayload(codecOf(task.kind), encoded, task) };
}
