import type { TaskHandlerRegistry } from '../handlers/task-handler.registry.js';
import { ESCAPED_KEY } from '../storage/ascii.js';
import { toMilliseconds } from '../timing/duration.js';
import { encodePayload, looksEncoded, type PayloadCodec } from '../task/payload-codec.js';
import { assertMatches, assertSize, serializePayload } from '../task/payload.js';
import type { NewTask, PushOptions } from '../task/task.js';
import { DEFAULT_PRIORITY, MAX_PRIORITY, MIN_PRIORITY, PUSH_OPTIONS, TASK_FIELDS } from '../task/task.js';
import { kindOf } from '../task/task-definition.js';
import { newDraft, type TaskDraft } from '../task/task-draft.js';
import { checkInteger } from '../errors/check.js';
import { InvalidTaskError } from '../errors/pg-queue.errors.js';

/** A unique index entry must fit a third of a page, whatever its text compresses to. */
const MAX_KEY_BYTES = 512;

/** How errors name the only task of a push. */
const TASK = 'task';
/** The names of a task's fields in errors: constants, so that a task without errors costs no string. */
const PART = {
  any: 'task.',
  kind: 'task.kind',
  payload: 'task.payload',
  externalKey: 'task.externalKey',
} as const;

/** The options of a push that apply to each of its tasks. */
export interface DraftSettings {
  readonly delayMs: number;
  readonly priority: number;
  readonly replace: boolean;
}

/** Makes drafts of what a caller pushes: everything is checked before anything is written. */
export class TaskDrafter {
  constructor(
    private readonly registry: TaskHandlerRegistry,
    private readonly maxPayloadBytes: number,
  ) {}

  /** @throws InvalidTaskError that names the option. */
  settings(options: PushOptions): DraftSettings {
    if (typeof options !== 'object' || options === null) {
      throw new InvalidTaskError('options', options, 'must be an object');
    }
    assertOnly(PUSH_OPTIONS, options, '', 'is not an option of a push');
    const { onConflict = 'ignore' } = options;
    if (onConflict !== 'ignore' && onConflict !== 'replace') {
      throw new InvalidTaskError('onConflict', onConflict, "must be 'ignore' or 'replace'");
    }
    return {
      delayMs: delayOf(options),
      priority: priorityOf(options),
      replace: onConflict === 'replace',
    };
  }

  /** As `draft`, of tasks that errors name by their index: `tasks[3].payload`. */
  async draftAll(tasks: readonly NewTask[], settings: DraftSettings): Promise<TaskDraft[]> {
    const drafts: TaskDraft[] = [];
    try {
      for (const task of tasks) {
        const draft = this.draft(task, settings);
        drafts.push(draft instanceof Promise ? await draft : draft);
      }
    } catch (error) {
      throw error instanceof InvalidTaskError ? atIndex(error, drafts.length) : error;
    }
    return drafts;
  }

  /**
   * Makes the draft of a task: a promise only where a schema or a codec is called.
   * @throws InvalidTaskError that names the field; UnexpectedTaskKindError for a bare number that has no handler here.
   */
  draft(task: NewTask, settings: DraftSettings): TaskDraft | Promise<TaskDraft> {
    if (typeof task !== 'object' || task === null) {
      throw new InvalidTaskError(TASK, task, 'must be an object with `kind` and `payload`');
    }
    assertOnly(
      TASK_FIELDS,
      task,
      PART.any,
      'is not a field of a task; delay and priority are options of the push',
    );
    kindOf(task.kind, PART.kind, InvalidTaskError);
    const schema = this.registry.schemaOf(task.kind);
    if (!schema) {
      return this.toDraft(task, settings);
    }
    // What the schema has checked is stored: the caller may use the object for another task while the schema checks.
    const seen = { ...task };
    return assertMatches(PART.payload, schema, seen.payload).then(() => this.toDraft(seen, settings));
  }

  private toDraft(
    { kind, payload, externalKey }: NewTask,
    settings: DraftSettings,
  ): TaskDraft | Promise<TaskDraft> {
    const known = this.registry.optionsOf(kind);
    const { codec } = known;
    const draft = newDraft(
      known,
      settings,
      externalKeyOf(PART.externalKey, externalKey),
      serializePayload(PART.payload, payload, codec ? Infinity : this.maxPayloadBytes),
    );
    if (codec) {
      return this.encoded(draft, codec);
    }
    if (looksEncoded(draft.payload)) {
      throw new InvalidTaskError(PART.payload, payload, 'must not look like what a codec has encoded');
    }
    return draft;
  }

  private async encoded(draft: TaskDraft, codec: PayloadCodec): Promise<TaskDraft> {
    const payload = await encodePayload(codec, draft.payload, {
      kind: draft.kind,
      externalKey: draft.externalKey,
    });
    assertSize(PART.payload, payload, this.maxPayloadBytes);
    return { ...draft, payload };
  }
}

/** The error as one of a task among many. It is made only when a task is refused: names for every task would cost a push more than its checks. */
function atIndex({ field, value, problem }: InvalidTaskError, index: number): InvalidTaskError {
  return new InvalidTaskError(`tasks[${index}]${field.slice(TASK.length)}`, value, problem);
}

function assertOnly(known: ReadonlySet<string>, given: object, prefix: string, problem: string): void {
  for (const name in given) {
    if (!known.has(name)) {
      throw new InvalidTaskError(`${prefix}${name}`, (given as Record<string, unknown>)[name], problem);
    }
  }
}

/** @throws InvalidTaskError when the key can't be stored as it is. */
export function externalKeyOf(field: string, key: string | null | undefined): string | null {
  if (key === null || key === undefined) {
    return null;
  }
  if (typeof key !== 'string' || key === '' || Buffer.byteLength(key) > MAX_KEY_BYTES) {
    throw new InvalidTaskError(field, key, `must be a string of 1 to ${MAX_KEY_BYTES} bytes`);
  }
  if (key.includes('\u0000') || !key.isWellFormed()) {
    throw new InvalidTaskError(field, key, 'must not contain NUL characters or lone surrogates');
  }
  if (key.startsWith(ESCAPED_KEY)) {
    throw new InvalidTaskError(field, key, 'must not begin with U+001A');
  }
  return key;
}

function delayOf({ delay = 0 }: PushOptions): number {
  return Math.ceil(toMilliseconds('delay', delay, {}, InvalidTaskError));
}

function priorityOf({ priority = DEFAULT_PRIORITY }: PushOptions): number {
  checkInteger('priority', priority, MIN_PRIORITY, MAX_PRIORITY, InvalidTaskError);
  return priority;
}
