import { useEffect, useState } from 'preact/hooks';
import { createStore } from './store.js';

const TICK_MS = 1000;

/** How far the server's clock is ahead of this one. */
let aheadMs = 0;
const tick = createStore(0);
setInterval(() => tick.set(tick.get() + 1), TICK_MS);

/** Ages are computed by the server's clock, because the clock of a phone may be minutes off. */
export function setServerTime(iso: string): void {
  aheadMs = Date.parse(iso) - Date.now();
}

export function serverNow(): number {
  return Date.now() + aheadMs;
}

/** The server's time, updated once a second. */
export function useNow(): number {
  const [now, setNow] = useState(serverNow);
  useEffect(() => tick.subscribe(() => setNow(serverNow())), []);
  return now;
}
