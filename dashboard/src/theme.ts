import { createStore } from './store.js';

export type Theme = 'light' | 'dark';

const KEY = 'pgqueue-theme';
const prefersDark = matchMedia('(prefers-color-scheme: dark)');

/** The theme in use: the visitor's choice, else that of the system. */
export const theme = createStore<Theme>('light');

export function startTheme(): void {
  apply(chosen() ?? ofSystem());
  prefersDark.addEventListener('change', () => apply(chosen() ?? ofSystem()));
}

/** Choosing the theme of the system removes the choice, so that the pages follow the system again. */
export function toggleTheme(): void {
  const next = theme.get() === 'dark' ? 'light' : 'dark';
  try {
    if (next === ofSystem()) {
      localStorage.removeItem(KEY);
    } else {
      localStorage.setItem(KEY, next);
    }
  } catch {
    // Without storage the choice is kept until the page is closed.
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
