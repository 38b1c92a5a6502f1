import type { TaskDetail, TaskPage } from '../inspect/task-view.js';

/** The names of fields to hide, or a function that returns what is shown instead of a payload. */
export type Redact =
  readonly string[] | ((payload: unknown, of: { readonly kind: number; readonly name: string }) => unknown);

const HIDDEN = '[redacted]';

/** Hides in tasks what no visitor may see. */
export class Redactor {
  private readonly show: Exclude<Redact, readonly string[]> | undefined;

  constructor(redact: Redact | undefined) {
    this.show = typeof redact === 'function' ? redact : redact && hideFields(redact);
  }

  get isActive(): boolean {
    return this.show !== undefined;
  }

  /** Removes the previews: a preview is a payload that is cut off, so that its fields cannot be found. */
  page(page: TaskPage): TaskPage {
    return this.show ? { ...page, tasks: page.tasks.map((task) => ({ ...task, payloadPreview: '' })) } : page;
  }

  /** Awaits the result of a function, which may be a promise. */
  async task(task: TaskDetail): Promise<TaskDetail> {
    return this.show
      ? { ...task, payloadPreview: '', payload: (await this.show(task.payload, task)) ?? null }
      : task;
  }
}

/** Hides fields in strings too: a payload may contain JSON as a string, which may contain more. */
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
      // JSON that is cut off, concatenated or embedded cannot be parsed: the whole string is hidden when it contains a name.
      return named.test(unescaped(text)) ? HIDDEN : text;
    }
    const shown = JSON.stringify(value, hide);
    // A string without hidden fields keeps its formatting.
    return shown === JSON.stringify(value) ? text : shown;
  };
  return (payload) => JSON.parse(JSON.stringify(payload, hide));
}

/** JSON may escape a letter of a name. */
function unescaped(text: string): string {
  return text.replaceAll(/\\+u([0-9a-f]{4})/gi, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
}

function escaped(name: string): string {
  return name.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
