import { useEffect, useRef, useState } from 'preact/hooks';
import type { TaskQuery } from '../../../lib/dashboard/dashboard-api.js';
import { api, type LoadedTask, type Missing } from '../api.js';

export interface TaskList {
  readonly tasks: readonly LoadedTask[];
  /** Where the tasks behind these begin; null when there are none. */
  readonly next: string | null;
  /** So many were looked at. */
  readonly examined: number;
  /** The last page was filled, so that no search is needed for the next one. */
  readonly full: boolean;
  /** Shards that could not be asked for the last page. */
  readonly missing: Missing;
  /** Of the last page. */
  readonly ageMs: number | null;
  /** When the last page came, by this machine's clock; a list that is kept for the way back may be a minute old. */
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
/** A list that does not change while it is waited for keeps what it shows. */
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

/** Kept for the way back from a task to its list. */
let kept: Loaded = NOTHING;
let keptAt = 0;

/** An action has changed tasks: what was listed is not so any more. */
export function forgetList(): void {
  kept = NOTHING;
}

function recall(key: string): Loaded | null {
  return kept.key === key && performance.now() - keptAt < KEPT_MS ? kept : null;
}

/** The tasks that a filter means, page behind page. */
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
