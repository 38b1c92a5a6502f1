import { createHash } from 'node:crypto';
import pg from 'pg';
import { InvalidOptionError } from '../errors/pg-queue.errors.js';

/** PostgreSQL cuts longer names short. */
const MAX_IDENTIFIER_BYTES = 63;

/** The queue's database objects, quoted and with their schema. */
export type SchemaNames = Readonly<ReturnType<typeof schemaNames>>;

/** @throws InvalidOptionError when the schema can't be a PostgreSQL identifier. */
export function schemaNames(schema: string) {
  if (
    typeof schema !== 'string' ||
    schema === '' ||
    Buffer.byteLength(schema) > MAX_IDENTIFIER_BYTES ||
    schema.includes('\0')
  ) {
    throw new InvalidOptionError('schema', schema, `must be a name of 1 to ${MAX_IDENTIFIER_BYTES} bytes`);
  }
  const hash = createHash('sha256').update(schema).digest();
  const qualify = (name: string) => `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`;
  return {
    schema,
    task: qualify('pgqueue'),
    lease: qualify('pgqueue_lease'),
    registry: qualify('pgqueue_registry'),
    pause: qualify('pgqueue_pause'),
    activity: qualify('pgqueue_activity'),
    snapshot: qualify('pgqueue_snapshot'),
    /** A table, and the function of its trigger, which wakes the workers when a transaction ends that might be prepared. */
    wake: qualify('pgqueue_wake'),
    /** A function that makes the trigger of `wake` run at the end of the transaction. */
    wakeLater: qualify('pgqueue_wake_later'),
    status: qualify('pgqueue_status'),
    /** Domains of the task table's columns. */
    time: qualify('pgqueue_time'),
    attempts: qualify('pgqueue_attempts'),
    bell: qualify('pgqueue_bell'),
    rewind: qualify('pgqueue_rewind'),
    claimIndex: qualify('pgqueue_claim'),
    ring: qualify('pgqueue_ring'),
    /** The NOTIFY channel: one per schema, a plain identifier. */
    channel: `pgqueue_${hash.toString('hex', 0, 8)}`,
  };
}
