import type { DatabaseAdmin } from '../../admin/database-admin.js';
import { type FiguresLimits, FiguresReader, type OverviewFigures } from '../../admin/figures-reader.js';
import type { KindNames } from '../../admin/kind-names.js';
import {
  type ActivityPoint,
  activityOf,
  checkMinutes,
  joinActivity,
  type KindActivity,
  totalActivity,
} from '../../inspect/activity.js';
import type { KindCounts, ShardView } from '../../inspect/task-view.js';
import { callDatabases } from '../database-results.js';
import { type MergedFigures, mergeFigures } from './merged-figures.js';

/** The figures of the whole queue at one moment, without the shards that failed. */
export interface QueueFigures extends MergedFigures {
  /** The activity of some hundred kinds, those that fail first. */
  readonly activity: readonly KindActivity[];
  /** The activity of all kinds together. */
  readonly throughput: readonly ActivityPoint[];
  readonly shards: readonly FiguresOfShard[];
}

/** A shard, and the tasks that it has. */
export interface FiguresOfShard extends Omit<ShardView, 'reachable' | 'error'> {
  /** The error of a shard whose figures are missing; undefined when they are there. */
  readonly failure: unknown;
  readonly counts: readonly KindCounts[];
}

/** Reads the figures of all shards at the same time. */
export class QueueOverview {
  private readonly minutes = checkMinutes({});
  private readonly readers: ReadonlyMap<DatabaseAdmin, FiguresReader>;

  constructor(
    private readonly shards: readonly DatabaseAdmin[],
    private readonly draining: ReadonlySet<string>,
    private readonly names: KindNames,
  ) {
    this.readers = new Map(shards.map((shard) => [shard, new FiguresReader(shard, this.minutes)]));
  }

  /** @throws the error of the first shard when all have failed */
  async read(limits: FiguresLimits): Promise<QueueFigures> {
    const { results, errors } = await callDatabases(this.shards, (shard) =>
      this.readers.get(shard)!.read(limits),
    );
    if (results.size === 0) {
      throw errors.values().next().value;
    }
    const activity = joinActivity([...results.values()].map((figures) => figures.activity));
    return {
      ...mergeFigures(results, this.names.of),
      activity: activityOf(activity, this.minutes, this.names.of),
      throughput: totalActivity(activity, this.minutes),
      shards: this.shards.map((shard) => this.ofShard(shard, results.get(shard), errors.get(shard))),
    };
  }

  private ofShard(
    { name }: DatabaseAdmin,
    figures: OverviewFigures | undefined,
    failure: unknown,
  ): FiguresOfShard {
    return {
      name,
      draining: this.draining.has(name),
      ageMs: figures?.moment.ageMs ?? null,
      now: figures?.moment.now ?? null,
      failure,
      counts: figures?.counts ?? [],
    };
  }
}
