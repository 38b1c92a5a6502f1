import { useEffect, useRef, useState } from 'preact/hooks';
import type { ApiError } from './api.js';

export interface Polled<T> {
  readonly value: T | null;
  /** The error of the last request; the last value stays. */
  readonly error: ApiError | null;
  /** Sends a request now. */
  refresh(): void;
}

/** Repeats a request while the page is visible; each one is sent after the last response. */
export function usePolled<T>(request: (signal: AbortSignal) => Promise<T>, periodMs: number): Polled<T> {
  const [value, setValue] = useState<T | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const refresh = useRef(() => {});
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    let running = new AbortController();
    const poll = async () => {
      clearTimeout(timer);
      running.abort();
      const { signal } = (running = new AbortController());
      try {
        const response = await request(signal);
        if (signal.aborted) {
          return;
        }
        setValue(response);
        setError(null);
      } catch (failure) {
        if (signal.aborted) {
          return;
        }
        setError(failure as ApiError);
      }
      // A tab that was hidden when a response came, or when it was opened, sends a request when it becomes visible.
      if (!document.hidden) {
        timer = setTimeout(poll, periodMs);
      }
    };
    const onVisibility = () => {
      if (document.hidden) {
        clearTimeout(timer);
      } else {
        void poll();
      }
    };
    refresh.current = () => void poll();
    document.addEventListener('visibilitychange', onVisibility);
    void poll();
    return () => {
      document.removeEventListener('visibilitychange', onVisibility);
      clearTimeout(timer);
      running.abort();
    };
  }, []);
  return { value, error, refresh: () => refresh.current() };
}
