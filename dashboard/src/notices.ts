import { createStore } from './store.js';

/** The result of an action, shown until the next action or until it is dismissed. */
export interface Notice {
  readonly tone: 'good' | 'bad';
  readonly text: string;
}

export const notice = createStore<Notice | null>(null);

export function showNotice(text: string, tone: Notice['tone'] = 'good'): void {
  notice.set({ tone, text });
}
