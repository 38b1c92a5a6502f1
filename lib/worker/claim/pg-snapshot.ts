/** A `pg_snapshot`: the transactions that were in progress, and the id above which none is known to have ended. */
export interface Snapshot {
  readonly xmax: number;
  readonly running: ReadonlySet<number>;
}

const NONE: ReadonlySet<number> = new Set();

/** Reads `xmin:xmax:xip,…`. Ids stay below 2^53 for some thousand years at a million a second. */
export function parseSnapshot(text: string): Snapshot {
  const [, xmax, running] = text.split(':');
  return { xmax: Number(xmax), running: running ? new Set(running.split(',').map(Number)) : NONE };
}
