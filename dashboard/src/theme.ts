import { createStore } from './store.js';

export type Theme = 'light' | 'dark';

const KEY = 'pgqueue-theme';
const prefersDark = matchMedia('(prefers-color-scheme: dark)');

/** The colours in use: those that the visitor chose, else those of the system. */
export const theme = createStore<Theme>('light');

export function startTheme(): void {
  apply(chosen() ?? ofSystem());
  prefersDark.addEventListener('change', () => apply(chosen() ?? ofSystem()));
}

/** Choosing what the system has anyway follows the system again. */
export function toggleTheme(): void {
  const next = theme.get() === 'dark' ? 'light' : 'dark';
  try {
    if (next === ofSystem()) {
      localStorage.removeItem(KEY);
    } else {
      localStorage.setItem(KEY, next);
    }
  } catch {
    // Without storage the choice lasts as long as the page.
  }
  apply(next);
}

function apply(next: Theme): void {
  document.documentElement.dataset['theme'] = next;
  theme.set(next);
}

function chosen(): Theme | null {
  try {
    const stored = localStorage.getItem(KEY);
    return stored === 'light' || stored === 'dark' ? stored : null;
  } catch {
    return null;
  }
}

function ofSystem(): Theme {
  return prefersDark.matches ? 'dark' : 'light';
}
