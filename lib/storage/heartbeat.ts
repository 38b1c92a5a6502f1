import type { TextRow } from './connection-options.js';
import { listIn } from './own-repository.js';

export interface LateHeartbeat {
  id: number;
  /** By the database's clock, in µs since the epoch. */
  beatAt: number;
  /** Whether it is late by the whole silence that the heartbeat named. */
  silent: boolean;
}

export interface Heartbeat {
  /** Those of this process's leases that have not ended. */
  alive: ReadonlySet<number>;
  /** Leases of others whose heartbeat is late. */
  late: readonly LateHeartbeat[];
  /** Leases that ended a while ago, and that tasks point to still. */
  ended: readonly number[];
  /** The kinds that are paused for all processes. */
  paused: readonly number[];
  /** The session that ran the heartbeat. */
  session: string;
  /** No other process has anything to do. */
  othersAreIdle: boolean;
}

/** Reads the row of the heartbeat's statement. */
export function heartbeatOf(row: TextRow): Heartbeat {
  return {
    alive: new Set(JSON.parse(row['alive']!) as number[]),
    late: listIn<[number, number, boolean]>(row, 'late').map(([id, beatAt, silent]) => ({
      id,
      beatAt,
      silent,
    })),
    ended: listIn<number>(row, 'ended'),
    paused: JSON.parse(row['paused']!) as number[],
    session: row['session']!,
    othersAreIdle: row['idle'] === 't',
  };
}
