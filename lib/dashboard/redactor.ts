import type { TaskDetail, TaskPage } from '../task/task-view.js';

/** The names of fields to hide, or what to show in the place of a payload. */
export type Redact =
  readonly string[] | ((payload: unknown, of: { readonly kind: number; readonly name: string }) => unknown);

const HIDDEN = '[redacted]';

/** Takes out of tasks what nobody may see. */
export class Redactor {
  private readonly show: Exclude<Redact, readonly string[]> | undefined;

  constructor(redact: Redact | undefined) {
    this.show = typeof redact === 'function' ? redact : redact && hideFields(redact);
  }

  get isActive(): boolean {
    return this.show !== undefined;
  }

  /** A preview is cut off within the payload, so that nothing tells its fields apart. */
  page(page: TaskPage): TaskPage {
    return this.show ? { ...page, tasks: page.tasks.map((task) => ({ ...task, payloadPreview: '' })) } : page;
  }

  /** What a function answers may be a promise, whose rejection nobody else would hear. */
  async task(task: TaskDetail): Promise<TaskDetail> {
    return this.show
      ? { ...task, payloadPreview: '', payload: (await this.show(task.payload, task)) ?? null }
      : task;
  }
}

function hideFields(names: readonly string[]): (payload: unknown) => unknown {
  const hidden = new Set(names.map((name) => name.toLowerCase()));
  const hide = (key: string, value: unknown) => (hidden.has(key.toLowerCase()) ? HIDDEN : value);
  return (payload) => JSON.parse(JSON.stringify(payload, hide));
}
