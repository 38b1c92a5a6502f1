import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { RunnableKindOptions } from '../task/kind-options.js';
import type { Task } from '../task/task.js';

/** Runs a kind's tasks. */
export type HandlerFunction<Payload = any> = (task: Task<Payload>) => unknown;

/** A kind with its handler, as the registry keeps it. */
export interface RegisteredHandler {
  readonly options: RunnableKindOptions;
  readonly schema: StandardSchemaV1 | undefined;
  readonly invoke: HandlerFunction;
  /** Where it was declared, for messages: `Mailer.send`. */
  readonly origin: string;
}
