import { api } from '../api.js';
import { asSentence, plural } from '../format.js';
import { Message } from '../ui/message.js';
import { MissingShards } from '../ui/missing-shards.js';
import { PageTitle } from '../ui/page-title.js';
import { usePolled } from '../use-polled.js';
import { WorkerCard } from './worker-card.js';

const PERIOD_MS = 2000;

export function WorkersPage() {
  const { value, error } = usePolled((signal) => api.workers(signal), PERIOD_MS);
  const workers = value?.workers.toSorted((a, b) => Number(b.lost) - Number(a.lost)) ?? [];
  const lost = workers.filter((worker) => worker.lost).length;
  return (
    <>
      <PageTitle title="Workers">
        {value && (
          <p class="page-note">
            {plural(workers.length - lost, 'process', 'processes')} live
            {lost > 0 && <span class="tag tag-critical">{lost} lost</span>}
          </p>
        )}
      </PageTitle>
      {error && (
        <Message title="The workers can't be read" tone="bad">
          <p>
            {asSentence(error.message)} {value && 'What you see is what was read last.'}
          </p>
        </Message>
      )}
      <MissingShards missing={value?.missing} />
      {value?.workers.length === 0 && (
        <Message title="No process runs tasks">
          <p>An application that handles a kind appears here with its first heartbeat.</p>
        </Message>
      )}
      {!value && !error && (
        <div class="panel skeleton skeleton-table" aria-busy="true" aria-label="Loading" />
      )}
      <div class="workers">
        {workers.map((worker) => (
          <WorkerCard key={worker.id} worker={worker} />
        ))}
      </div>
    </>
  );
}
