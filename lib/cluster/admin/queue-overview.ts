import {
  type ActivityPoint,
  activityOf,
  checkMinutes,
  joinActivity,
  type KindActivity,
  totalActivity,
} from '../../inspect/activity.js';
import { callShards } from '../shard-results.js';
import { mergeCounts } from '../../inspect/task-counts.js';
import type { KindCounts, KindView, ShardView, WorkerView } from '../../inspect/task-view.js';
import type { KindNames } from '../../admin/kind-names.js';
import { mergePauses } from './merged-pauses.js';
import { mergeWorkers } from './merged-workers.js';
import type { DatabaseAdmin } from '../../admin/database-admin.js';
import { type FiguresLimits, type DatabaseFigures, FiguresReader } from '../../admin/figures.js';
import { kindViews, workerView } from '../../admin/worker-views.js';

/** What is known of the queue at one moment, of all the shards that could be asked. */
export interface QueueFigures {
  readonly counts: readonly KindCounts[];
  readonly kinds: readonly KindView[];
  /** Of some hundred kinds, those that fail first. */
  readonly activity: readonly KindActivity[];
  /** Of all kinds together. */
  readonly throughput: readonly ActivityPoint[];
  readonly workers: readonly WorkerView[];
  readonly shards: readonly FiguresOfShard[];
}

/** A shard with what it has of the figures. */
export interface FiguresOfShard extends Omit<ShardView, 'reachable' | 'error'> {
  /** Why there is nothing of it; undefined when there is. */
  readonly failure: unknown;
  readonly counts: readonly KindCounts[];
}

/** Looks at all shards at the same time. */
export class QueueOverview {
  private readonly minutes = checkMinutes({});
  private readonly looks: ReadonlyMap<DatabaseAdmin, FiguresReader>;

  constructor(
    private readonly shards: readonly DatabaseAdmin[],
    private readonly draining: ReadonlySet<string>,
    private readonly names: KindNames,
  ) {
    this.looks = new Map(shards.map((shard) => [shard, new FiguresReader(shard, this.minutes)]));
  }

  /** @throws what the first shard failed of, where all have failed */
  async now(look: FiguresLimits): Promise<QueueFigures> {
    const { results: answers, errors } = await callShards(this.shards, (shard) =>
      this.looks.get(shard)!.read(look),
    );
    if (answers.size === 0) {
      throw errors.values().next().value;
    }
    return {
      ...this.merge(answers),
      shards: this.shards.map((shard) => this.ofShard(shard, answers, errors)),
    };
  }

  private merge(answers: ReadonlyMap<DatabaseAdmin, DatabaseFigures>): Omit<QueueFigures, 'shards'> {
    const figures = [...answers.values()];
    const nameOf = this.names.of;
    const activity = joinActivity(figures.map((figure) => figure.activity));
    const workers = mergeWorkers(new Map([...answers].map(([{ name }, answer]) => [name, answer.workers])));
    const pauses = mergePauses([...answers].map(([{ name }, answer]) => [name, answer.pauses]));
    return {
      counts: mergeCounts(figures.map(({ counts }) => counts)),
      kinds: kindViews(workers, pauses, nameOf),
      activity: activityOf(activity, this.minutes, nameOf),
      throughput: totalActivity(activity, this.minutes),
      workers: workers.map((worker) => workerView(worker, nameOf)),
    };
  }

  private ofShard(
    shard: DatabaseAdmin,
    answers: ReadonlyMap<DatabaseAdmin, DatabaseFigures>,
    errors: ReadonlyMap<DatabaseAdmin, unknown>,
  ): FiguresOfShard {
    const answer = answers.get(shard);
    return {
      name: shard.name,
      draining: this.draining.has(shard.name),
      ageMs: answer?.moment.ageMs ?? null,
      now: answer?.moment.now ?? null,
      failure: errors.get(shard),
      counts: answer?.counts ?? [],
    };
  }
}
