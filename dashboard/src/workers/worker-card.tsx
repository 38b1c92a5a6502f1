import { MAX_REPORTED_ATTEMPTS } from '../../../lib/dashboard/dashboard-api.js';
import type { LoadedWorker } from '../api.js';
import { formatAge, formatDateTime, formatDuration, plural } from '../format.js';
import { links } from '../router.js';
import { SlotsBar } from '../ui/slots-bar.js';
import { Ago, For } from '../ui/time.js';

/** One worker process: whether it is live, its slots of each kind, and its running attempts. */
export function WorkerCard({ worker }: { worker: LoadedWorker }) {
  const { host, pid, version, lost, silentMs } = worker;
  const titleId = `worker-${worker.id}`;
  return (
    <section class={`panel worker${lost ? ' worker-lost' : ''}`} aria-labelledby={titleId}>
      <div class="panel-head">
        <h2 id={titleId} class="worker-name">
          {worker.worker}
        </h2>
        <span class={`tag ${lost ? 'tag-critical' : 'tag-good'}`}>
          {lost ? `lost, silent for ${formatAge(silentMs)}` : `heartbeat ${formatDuration(silentMs)} ago`}
        </span>
      </div>
      <dl class="facts facts-inline">
        <Fact name="Host" value={host} />
        <Fact name="Process" value={pid === null ? null : String(pid)} />
        <Fact name="Version" value={version} />
        <div>
          <dt>Started</dt>
          <dd>
            <Ago at={worker.startedAt} />
          </dd>
        </div>
      </dl>
      {lost && (
        <p class="worker-note">Another process gives its tasks back once this one is declared dead.</p>
      )}
      <CutOff shards={lost ? [] : worker.shards} />
      <Slots kinds={worker.kinds} />
      <Running attempts={worker.running} />
    </section>
  );
}

/** A live process may be cut off from some shards. */
function CutOff({ shards }: { shards: LoadedWorker['shards'] }) {
  return shards
    .filter((shard) => shard.lost)
    .map(({ shard, silentMs }) => (
      <p key={shard} class="worker-note">
        Shard {shard} has not heard of it for {formatAge(silentMs)}.
      </p>
    ));
}

function Fact({ name, value }: { name: string; value: string | null }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd title={value ?? undefined}>{value ?? <span class="faint">unknown</span>}</dd>
    </div>
  );
}

function Slots({ kinds }: { kinds: LoadedWorker['kinds'] }) {
  return (
    <>
      <h3 class="worker-part">Slots in use</h3>
      {kinds.length === 0 ? (
        <p class="faint">It handles no kind.</p>
      ) : (
        <ul class="worker-slots">
          {kinds.map(({ kind, name, busy, capacity, fullSince }) => (
            <li
              key={kind}
              title={fullSince === null ? name : `${name}: no slot free since ${formatDateTime(fullSince)}`}
            >
              <a class="clip" href={links.tasks({ kind: String(kind), status: 'processing' })}>
                {name}
              </a>
              <SlotsBar busy={busy} capacity={capacity} />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function Running({ attempts }: { attempts: LoadedWorker['running'] }) {
  return (
    <>
      <h3 class="worker-part">
        Running for a second or longer
        {attempts.length > 0 && (
          <span class="panel-count">
            {attempts.length < MAX_REPORTED_ATTEMPTS ? '' : 'at least '}
            {plural(attempts.length, 'attempt')}
          </span>
        )}
      </h3>
      {attempts.length === 0 ? (
        <p class="faint">Nothing.</p>
      ) : (
        <ul class="worker-running">
          {attempts.map(({ id, name, attempt, startedAt }) => (
            <li key={id}>
              <a href={links.task(id)}>{id}</a>
              <span class="clip">{name}</span>
              <span class="faint">attempt {attempt}</span>
              <For since={startedAt} />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
