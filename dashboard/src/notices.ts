import { createStore } from './store.js';

/** What an action did, told until the next one or until it is dismissed. */
export interface Notice {
  readonly tone: 'good' | 'bad';
  readonly text: string;
}

export const notice = createStore<Notice | null>(null);

export function tell(text: string, tone: Notice['tone'] = 'good'): void {
  notice.set({ tone, text });
}
