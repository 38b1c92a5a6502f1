import type { ErrorResponse } from '../../lib/dashboard/dashboard-api.js';
import { api, type ApiError, type LoadedOverview } from './api.js';
import { setServerTime } from './clock.js';
import { session } from './session.js';
import { createStore } from './store.js';

/** The overview as the server last sent it. */
export interface Live {
  readonly overview: LoadedOverview | null;
  /** When the connection was lost, by this machine's clock; null while connected. */
  readonly lostAt: number | null;
  /** Why the server cannot read the overview, although it is connected; null when it can. */
  readonly trouble: string | null;
}

export const live = createStore<Live>({ overview: null, lostAt: null, trouble: null });

const RETRY_MS = 3000;

let source: EventSource | null = null;
let retry: ReturnType<typeof setTimeout> | undefined;

/** Opens the stream while the page is visible. */
export function startLive(): void {
  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));
  open();
}

function open(): void {
  if (source || document.hidden) {
    return;
  }
  source = new EventSource('api/overview/stream');
  source.addEventListener('overview', ({ data }: MessageEvent<string>) => accept(JSON.parse(data)));
  source.addEventListener('trouble', ({ data }: MessageEvent<string>) => {
    const { message } = JSON.parse(data) as ErrorResponse;
    live.set({ ...live.get(), lostAt: null, trouble: message });
  });
  source.addEventListener('error', onError);
}

function close(): void {
  clearTimeout(retry);
  source?.close();
  source = null;
}

function accept(overview: LoadedOverview): void {
  setServerTime(overview.at);
  live.set({ overview, lostAt: null, trouble: null });
}

/** The browser reconnects by itself after a broken connection, but not after an error response; `readyState` is CLOSED then. */
function onError(): void {
  live.set({ ...live.get(), lostAt: live.get().lostAt ?? Date.now() });
  if (source?.readyState === EventSource.CLOSED) {
    close();
    api
      .overview()
      .then(accept, ({ status, message }: ApiError) => {
        if (status !== 0) {
          live.set({ ...live.get(), trouble: message });
        }
      })
      .finally(() => {
        if (session.get() !== 'denied') {
          retry = setTimeout(open, RETRY_MS);
        }
      });
  }
}
