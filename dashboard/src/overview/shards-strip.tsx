import type { LoadedOverview } from '../api.js';
import { formatCount } from '../format.js';
import { links } from '../router.js';
import { OPEN_STATUSES } from '../statuses.js';
import { ReplicaAge } from '../ui/replica-age.js';
import { For } from '../ui/time.js';

type LoadedShard = LoadedOverview['shards'][number];

/** The shards of a queue with several: whether each is up, and how many tasks it has. */
export function ShardsStrip({ shards }: { shards: readonly LoadedShard[] }) {
  return shards.length < 2 ? null : (
    <section class="panel" aria-labelledby="shards-title">
      <h2 id="shards-title" class="panel-title shards-title">
        Shards
        <span class="panel-count">{shards.length}</span>
      </h2>
      <ul class="shards">
        {shards.map((shard) => (
          <Shard key={shard.name} shard={shard} />
        ))}
      </ul>
    </section>
  );
}

function Shard({ shard }: { shard: LoadedShard }) {
  const { name, problem, draining, ageMs, oldestDueAt } = shard;
  return (
    <li class={`shard${problem === null ? '' : ' shard-down'}`}>
      <span class="shard-head">
        <a class="shard-name" href={links.tasks({ shard: name, status: OPEN_STATUSES.join() })}>
          {name}
        </a>
        {draining && <span class="tag tag-warning">draining</span>}
        <span class={`tag ${problem === null ? 'tag-good' : 'tag-critical'}`}>
          {problem === null ? 'up' : 'down'}
        </span>
      </span>
      {problem === null ? (
        <span class="shard-text">
          {formatCount(openOf(shard))} open, {formatCount(shard.statuses.no_attempts_left)} exhausted
          {oldestDueAt !== null && (
            <>
              , oldest due for <For since={oldestDueAt} />
            </>
          )}
        </span>
      ) : (
        <span class="shard-text">{problem}</span>
      )}
      {problem === null && <ReplicaAge ageMs={ageMs} />}
    </li>
  );
}

function openOf({ statuses }: LoadedShard): { count: number; approximate: boolean } {
  const open = OPEN_STATUSES.map((status) => statuses[status]);
  return {
    count: open.reduce((sum, { count }) => sum + count, 0),
    approximate: open.some(({ approximate }) => approximate),
  };
}
