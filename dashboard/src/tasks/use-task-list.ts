import { useEffect, useRef, useState } from 'preact/hooks';
import type { TaskQuery } from '../../../lib/dashboard/dashboard-api.js';
import { api, type LoadedTask, type Missing } from '../api.js';

export interface TaskList {
  readonly tasks: readonly LoadedTask[];
  /** The cursor of the next page; null when there is none. */
  readonly next: string | null;
  /** How many tasks the server has examined. */
  readonly examined: number;
  /** Whether the last page was full, so that the next one needs no search. */
  readonly full: boolean;
  /** The shards that are missing in the last page. */
  readonly missing: Missing;
  /** How old the last page may be. */
  readonly ageMs: number | null;
  /** When the last page was loaded, by this machine's clock: a cached list may be a minute old. */
  readonly at: number | null;
  readonly state: 'loading' | 'ready' | 'failed';
  readonly failure: string | null;
  more(): void;
  reload(): void;
}

interface Loaded {
  readonly key: string;
  readonly tasks: readonly LoadedTask[];
  readonly next: string | null;
  readonly examined: number;
  readonly full: boolean;
  readonly missing: Missing;
  readonly ageMs: number | null;
  readonly at: number | null;
}

const PAGE = 50;
/** The empty list; a constant, so that setting it again renders nothing. */
const NOTHING: Loaded = {
  key: '',
  tasks: [],
  next: null,
  examined: 0,
  full: false,
  missing: [],
  ageMs: 0,
  at: null,
};

const KEPT_MS = 60_000;

/** The last list, cached for visitors who return from a task. */
let kept: Loaded = NOTHING;
let keptAt = 0;

/** Empties the cache after an action has changed tasks. */
export function forgetList(): void {
  kept = NOTHING;
}

function recall(key: string): Loaded | null {
  return kept.key === key && performance.now() - keptAt < KEPT_MS ? kept : null;
}

/** The tasks that match a filter, page by page. */
export function useTaskList(query: TaskQuery): TaskList {
  const key = JSON.stringify(query);
  const [loaded, setLoaded] = useState(recall(key) ?? NOTHING);
  const [state, setState] = useState<TaskList['state']>('loading');
  const [failure, setFailure] = useState<string | null>(null);
  const running = useRef<AbortController | null>(null);

  const load = async (before: Loaded | null) => {
    running.current?.abort();
    const { signal } = (running.current = new AbortController());
    setState('loading');
    try {
      const after = before?.next ? { after: before.next } : {};
      const page = await api.tasks({ ...query, limit: String(PAGE), ...after }, signal);
      kept = {
        key,
        tasks: [...(before?.tasks ?? []), ...page.tasks],
        next: page.next,
        examined: (before?.examined ?? 0) + page.examined,
        full: page.tasks.length === PAGE,
        missing: page.missing ?? [],
        ageMs: page.ageMs,
        at: Date.now(),
      };
      keptAt = performance.now();
      setLoaded(kept);
      setFailure(null);
      setState('ready');
    } catch (error) {
      if (!signal.aborted) {
        setFailure((error as Error).message);
        setState('failed');
      }
    }
  };

  useEffect(() => {
    const recalled = recall(key);
    if (recalled) {
      setLoaded(recalled);
      setState('ready');
    } else {
      setLoaded(NOTHING);
      void load(null);
    }
    return () => running.current?.abort();
  }, [key]);

  return {
    ...loaded,
    state,
    failure,
    more: () => void load(loaded),
    reload: () => void load(null),
  };
}
