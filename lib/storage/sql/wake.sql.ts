import pg from 'pg';
import type { SchemaNames } from '../schema-names.js';
import { dollarQuoted, unless } from './block.sql.js';

/** Wake-ups of pushes that commit by themselves are at least so far apart. */
export const WAKE_UP_GAP_MS = 8;

/** What wakes the workers when tasks are pushed, whoever pushes them: a trigger of the task table, and what it needs. */
export function wakeSql({ task, bell, ring, wake, wakeLater, channel }: SchemaNames): string[] {
  const literal = pg.escapeLiteral;
  return [
    // NOTIFY takes a global lock at commit, so one that comes too soon after the last is left out; workers look once more a
    // little later. That would lose the wake-up of a long transaction, which is sent at its commit, so that only a push which
    // says that it commits by itself may leave it out: a trigger can't tell the two apart.
    // The sequence of `bell` has twice the milliseconds of the last wake-up, and one more where that is certainly received (see push.sql.ts).
    // Triggers run under the path of who pushes, so that each name says its schema: a SET clause would cost the server up to a tenth of a push.
    // A transaction that has notified can't be prepared for two-phase commit. Where transactions can be prepared, a row that is gone at
    // once leaves a trigger for the end, which knows what ends it; only a row can have one that is deferred. The query is null where an
    // INSERT by the extended protocol commits by itself. Nobody but the owner has rights to that table: who could write to it could lock
    // it too, and with it all that push.
    `CREATE UNLOGGED TABLE IF NOT EXISTS ${wake} (pushed_at timestamptz NOT NULL DEFAULT clock_timestamp())`,
    `CREATE OR REPLACE FUNCTION ${wake}() RETURNS trigger LANGUAGE plpgsql AS ${dollarQuoted(
      'wake',
      `
BEGIN
  IF coalesce(pg_catalog.current_query(), '') OPERATOR(pg_catalog.!~*) '[[:<:]]PREPARE[[:space:]]+TRANSACTION[[:>:]]' THEN
    PERFORM pg_catalog.pg_notify(${literal(channel)}, '');
  END IF;
  RETURN NULL;
END `,
    )}`,
    unless(
      `EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = ${literal(wake)}::regclass AND tgname = 'pgqueue_wake')`,
      `CREATE CONSTRAINT TRIGGER pgqueue_wake AFTER INSERT ON ${wake} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ${wake}()`,
    ),
    `CREATE OR REPLACE FUNCTION ${wakeLater}() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS ${dollarQuoted(
      'wake',
      `
DECLARE
  place tid;
BEGIN
  INSERT INTO ${wake} DEFAULT VALUES RETURNING ctid INTO place;
  DELETE FROM ${wake} WHERE ctid = place;
END `,
    )}`,
    `GRANT EXECUTE ON FUNCTION ${wakeLater}() TO PUBLIC`,
    `CREATE OR REPLACE FUNCTION ${ring}() RETURNS trigger LANGUAGE plpgsql AS ${dollarQuoted(
      'ring',
      `
DECLARE
  at bigint;
  age bigint;
BEGIN
  IF pg_catalog.current_setting('pgqueue.notify', true) OPERATOR(pg_catalog.=) 'off' THEN
    RETURN NULL;
  END IF;
  IF pg_catalog.current_setting('pgqueue.alone', true) OPERATOR(pg_catalog.=) 'on' THEN
    at := (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) OPERATOR(pg_catalog.*) 1000)::bigint;
    age := at OPERATOR(pg_catalog.-) (pg_catalog.pg_sequence_last_value(${literal(bell)}::pg_catalog.regclass) OPERATOR(pg_catalog./) 2);
    IF age OPERATOR(pg_catalog.>=) 0 AND age OPERATOR(pg_catalog.<) ${WAKE_UP_GAP_MS} THEN
      RETURN NULL;
    END IF;
    PERFORM pg_catalog.setval(${literal(bell)}, at OPERATOR(pg_catalog.*) 2);
  ELSIF pg_catalog.current_setting('max_prepared_transactions') OPERATOR(pg_catalog.<>) '0' THEN
    IF coalesce(pg_catalog.current_setting('pgqueue.wakes', true), '') OPERATOR(pg_catalog.<>) 'on' THEN
      PERFORM pg_catalog.set_config('pgqueue.wakes', 'on', true);
      PERFORM ${wakeLater}();
    END IF;
    RETURN NULL;
  END IF;
  PERFORM pg_catalog.pg_notify(${literal(channel)}, '');
  RETURN NULL;
END `,
    )}`,
    unless(
      `EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = ${literal(task)}::regclass AND tgname = 'pgqueue_ring')`,
      `CREATE TRIGGER pgqueue_ring AFTER INSERT ON ${task} FOR EACH STATEMENT EXECUTE FUNCTION ${ring}()`,
    ),
  ];
}
