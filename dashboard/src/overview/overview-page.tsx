import { useMemo, useState } from 'preact/hooks';
import type { LoadedOverview } from '../api.js';
import { live } from '../live-overview.js';
import { useStore } from '../store.js';
import { Message } from '../ui/message.js';
import { MissingShards } from '../ui/missing-shards.js';
import { PageTitle } from '../ui/page-title.js';
import { ReplicaAge } from '../ui/replica-age.js';
import { Attention } from './attention.js';
import { judge } from './kind-order.js';
import { KindsPanel } from './kinds-panel.js';
import { ShardsStrip } from './shards-strip.js';
import { ThroughputPanel } from './throughput-panel.js';
import { Totals } from './totals.js';

export function OverviewPage() {
  const { overview, trouble } = useStore(live);
  return (
    <>
      <PageTitle title="Overview" hidden />
      {overview ? (
        <Loaded overview={overview} />
      ) : trouble === null ? (
        <Loading />
      ) : (
        <Message title="There is nothing to show yet" tone="bad">
          <p>The overview appears as soon as the queue can be read again.</p>
        </Message>
      )}
    </>
  );
}

function Loaded({ overview }: { overview: LoadedOverview }) {
  const judged = useMemo(() => judge(overview.kinds, overview.at), [overview]);
  const missing = overview.shards.flatMap(({ name, problem }) =>
    problem === null ? [] : { shard: name, message: problem },
  );
  const [charted, setCharted] = useState<number | null>(null);
  const head = (
    <>
      <MissingShards missing={missing} />
      <Totals overview={overview} />
      <ShardsStrip shards={overview.shards} />
      <SingleReplicaAge shards={overview.shards} />
    </>
  );
  if (overview.kinds.length === 0) {
    return (
      <>
        {head}
        <Message title="No tasks, and nobody to run them">
          <p>A kind appears here once a process handles it, or once a task of it is pushed.</p>
        </Message>
      </>
    );
  }
  return (
    <>
      {head}
      <Attention kinds={judged} missing={missing.length} lost={overview.workers.lost} />
      <ThroughputPanel overview={overview} charted={charted} onChart={setCharted} />
      <KindsPanel kinds={judged} more={overview.moreKinds} onChart={setCharted} />
    </>
  );
}

/** The age of a replica; with several shards, each shard shows its own. */
function SingleReplicaAge({ shards: [only, ...others] }: Pick<LoadedOverview, 'shards'>) {
  return only && others.length === 0 && only.ageMs !== 0 ? (
    <p class="figures-age">
      Tasks and attempts: <ReplicaAge ageMs={only.ageMs} />
    </p>
  ) : null;
}

/** Placeholders as high as the panels that follow, so that the layout does not move. */
function Loading() {
  return (
    <div aria-busy="true" aria-label="Loading">
      <div class="panel skeleton skeleton-totals" />
      <div class="panel skeleton skeleton-line" />
      <div class="panel skeleton skeleton-chart" />
      <div class="panel skeleton skeleton-table" />
    </div>
  );
}
