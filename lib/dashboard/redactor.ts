import type { TaskDetail, TaskPage } from '../inspect/task-view.js';

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

/** Strings are looked into as well: a payload may carry JSON as a text, which may carry more. */
function hideFields(names: readonly string[]): (payload: unknown) => unknown {
  const hidden = new Set(names.map((name) => name.toLowerCase()));
  const named = new RegExp(String.raw`["'](?:${[...hidden].map(escaped).join('|')})\\*["']\s*:`, 'i');
  const hide = (key: string, value: unknown) => {
    if (hidden.has(key.toLowerCase())) {
      return HIDDEN;
    }
    return typeof value === 'string' ? inString(value) : value;
  };
  const inString = (text: string): string => {
    if (!/[{[]/.test(text)) {
      return text;
    }
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      // Cut off, several values one after the other, or embedded in something else: where a name is in it, none of it is shown.
      return named.test(unescaped(text)) ? HIDDEN : text;
    }
    const shown = JSON.stringify(value, hide);
    // What has nothing to hide stays as it was written.
    return shown === JSON.stringify(value) ? text : shown;
  };
  return (payload) => JSON.parse(JSON.stringify(payload, hide));
}

/** JSON may write a letter of a name by its number. */
function unescaped(text: string): string {
  return text.replaceAll(/\\+u([0-9a-f]{4})/gi, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
}

function escaped(name: string): string {
  return name.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
