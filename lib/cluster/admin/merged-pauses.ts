import type { KindPause } from '../../inspect/task-view.js';

/** The kinds that are paused, in whichever shard. */
export function mergePauses(
  byShard: readonly (readonly [shard: string, pauses: ReadonlyMap<number, Date>])[],
): Map<number, KindPause> {
  const kinds = new Set(byShard.flatMap(([, pauses]) => [...pauses.keys()]));
  return new Map(
    [...kinds].map((kind) => {
      const times = byShard.flatMap(([, pauses]) => pauses.get(kind)?.getTime() ?? []);
      const unpausedIn = byShard.filter(([, pauses]) => !pauses.has(kind)).map(([shard]) => shard);
      return [kind, { pausedAt: new Date(Math.min(...times)), unpausedIn }];
    }),
  );
}
