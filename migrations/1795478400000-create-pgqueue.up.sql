-- Written by scripts/write-migrations.mjs. For the schema "public"; to use another, replace "public", 'public' and the name of
-- the NOTIFY channel by what `createPgQueueMigrations({ schema })` runs, or run that.

BEGIN;

SET LOCAL search_path = pg_catalog, pg_temp;

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'public') THEN
    EXECUTE 'CREATE SCHEMA "public"';
  END IF;
END $$;

DO $$ DECLARE
  strange text;
BEGIN
  SELECT pg_catalog.obj_description(c.oid, 'pg_class') INTO strange
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = 'public' AND c.relname = 'pgqueue';
  IF strange <> 'nestjs-pgqueue schema 1.0' THEN
    RAISE EXCEPTION USING MESSAGE = 'nestjs-pgqueue: the table pgqueue is of another version, or not of the queue: ' || strange;
  END IF;
  WITH missing AS (
  SELECT w.part, w.name, w.owner, CASE w.part
    WHEN 'column' THEN true
    WHEN 'index' THEN named.oid IS NOT NULL AND i.indrelid IS DISTINCT FROM t.oid
    WHEN 'constraint' THEN false
    WHEN 'trigger' THEN g.oid IS NOT NULL
    WHEN 'function' THEN p.oid IS NOT NULL
    ELSE named.oid IS NOT NULL OR y.oid IS NOT NULL
  END AS is_foreign
  FROM (VALUES
    ('type', 'pgqueue_status', NULL),
    ('domain', 'pgqueue_time', NULL),
    ('domain', 'pgqueue_attempts', NULL),
    ('table', 'pgqueue', 'pgqueue'),
    ('column', 'id', 'pgqueue'),
    ('column', 'run_at', 'pgqueue'),
    ('column', 'created_at', 'pgqueue'),
    ('column', 'finished_at', 'pgqueue'),
    ('column', 'status', 'pgqueue'),
    ('column', 'kind', 'pgqueue'),
    ('column', 'priority', 'pgqueue'),
    ('column', 'lease_id', 'pgqueue'),
    ('column', 'claim_id', 'pgqueue'),
    ('column', 'attempts_left', 'pgqueue'),
    ('column', 'attempts_elapsed', 'pgqueue'),
    ('column', 'external_key', 'pgqueue'),
    ('column', 'messages', 'pgqueue'),
    ('column', 'trace', 'pgqueue'),
    ('column', 'payload', 'pgqueue'),
    ('table', 'pgqueue_lease', 'pgqueue_lease'),
    ('column', 'id', 'pgqueue_lease'),
    ('column', 'worker', 'pgqueue_lease'),
    ('column', 'started_at', 'pgqueue_lease'),
    ('column', 'heartbeat_at', 'pgqueue_lease'),
    ('column', 'host', 'pgqueue_lease'),
    ('column', 'pid', 'pgqueue_lease'),
    ('column', 'version', 'pgqueue_lease'),
    ('column', 'kinds', 'pgqueue_lease'),
    ('column', 'settings', 'pgqueue_lease'),
    ('column', 'slots', 'pgqueue_lease'),
    ('column', 'running', 'pgqueue_lease'),
    ('column', 'refused', 'pgqueue_lease'),
    ('column', 'ended_at', 'pgqueue_lease'),
    ('table', 'pgqueue_registry', 'pgqueue_registry'),
    ('column', 'job', 'pgqueue_registry'),
    ('column', 'updated_at', 'pgqueue_registry'),
    ('table', 'pgqueue_pause', 'pgqueue_pause'),
    ('column', 'kind', 'pgqueue_pause'),
    ('column', 'paused_at', 'pgqueue_pause'),
    ('table', 'pgqueue_activity', 'pgqueue_activity'),
    ('column', 'minute', 'pgqueue_activity'),
    ('column', 'kind', 'pgqueue_activity'),
    ('column', 'succeeded', 'pgqueue_activity'),
    ('column', 'failed', 'pgqueue_activity'),
    ('column', 'exhausted', 'pgqueue_activity'),
    ('column', 'wait', 'pgqueue_activity'),
    ('column', 'run', 'pgqueue_activity'),
    ('table', 'pgqueue_snapshot', 'pgqueue_snapshot'),
    ('column', 'one', 'pgqueue_snapshot'),
    ('column', 'taken_at', 'pgqueue_snapshot'),
    ('column', 'content', 'pgqueue_snapshot'),
    ('table', 'pgqueue_wake', 'pgqueue_wake'),
    ('column', 'pushed_at', 'pgqueue_wake'),
    ('index', 'pgqueue_claim', 'pgqueue'),
    ('index', 'pgqueue_key', 'pgqueue'),
    ('index', 'pgqueue_done', 'pgqueue'),
    ('index', 'pgqueue_broken', 'pgqueue'),
    ('constraint', 'pgqueue_lease_valid', 'pgqueue_lease'),
    ('constraint', 'pgqueue_pause_valid', 'pgqueue_pause'),
    ('constraint', 'pgqueue_activity_valid', 'pgqueue_activity'),
    ('constraint', 'pgqueue_snapshot_valid', 'pgqueue_snapshot'),
    ('sequence', 'pgqueue_bell', NULL),
    ('sequence', 'pgqueue_rewind', NULL),
    ('function', 'pgqueue_ring', NULL),
    ('function', 'pgqueue_wake', NULL),
    ('function', 'pgqueue_wake_later', NULL),
    ('trigger', 'pgqueue_ring', 'pgqueue'),
    ('trigger', 'pgqueue_wake', 'pgqueue_wake')) AS w(part, name, owner)
  LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = 'public'
  LEFT JOIN pg_catalog.pg_class t ON t.relnamespace = n.oid AND t.relname = w.owner AND t.relkind IN ('r', 'p')
  LEFT JOIN pg_catalog.pg_class named ON named.relnamespace = n.oid AND named.relname = w.name
  LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = named.oid
  LEFT JOIN pg_catalog.pg_type y ON y.typnamespace = n.oid AND y.typname = w.name
  LEFT JOIN pg_catalog.pg_proc p ON p.pronamespace = n.oid AND p.proname = w.name AND p.pronargs = 0
  LEFT JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid AND g.tgname = w.name
  WHERE (w.part <> 'column' OR t.oid IS NOT NULL) AND NOT CASE w.part
    WHEN 'table' THEN t.oid IS NOT NULL
    WHEN 'column' THEN EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.oid AND a.attname = w.name AND NOT a.attisdropped)
    WHEN 'index' THEN coalesce(i.indrelid = t.oid AND i.indisvalid, false)
    WHEN 'constraint' THEN EXISTS (SELECT FROM pg_catalog.pg_constraint c WHERE c.conrelid = t.oid AND c.conname = w.name)
    WHEN 'sequence' THEN coalesce(named.relkind = 'S', false)
    WHEN 'type' THEN coalesce(y.typtype = 'e', false)
    WHEN 'domain' THEN coalesce(y.typtype = 'd', false)
    WHEN 'function' THEN coalesce(p.prorettype IN ('pg_catalog.trigger'::pg_catalog.regtype, 'pg_catalog.void'::pg_catalog.regtype), false)
    WHEN 'trigger' THEN coalesce(p.oid = g.tgfoid, false)
  END
  )
  SELECT coalesce(
    (SELECT string_agg(CASE WHEN part = 'column' THEN 'table ' || owner || ' has no column ' || name
                            ELSE name || ' is there and is no ' || part || ' of the queue' END, ', ' ORDER BY owner, name)
     FROM missing WHERE is_foreign),
    (SELECT 'role ' || role || ' owns ' || string_agg(name, ', ' ORDER BY name) || ', and must complete what is of the queue'
     FROM (
       SELECT pg_catalog.pg_get_userbyid(o.owner)::text AS role, o.name::text AS name
       FROM pg_catalog.pg_namespace n, LATERAL (
         SELECT relname AS name, relowner AS owner FROM pg_catalog.pg_class WHERE relnamespace = n.oid
         UNION SELECT typname, typowner FROM pg_catalog.pg_type WHERE typnamespace = n.oid
         UNION SELECT proname, proowner FROM pg_catalog.pg_proc WHERE pronamespace = n.oid AND pronargs = 0
       ) o
       WHERE n.nspname = 'public' AND o.name IN ('pgqueue_status', 'pgqueue_time', 'pgqueue_attempts', 'pgqueue', 'pgqueue_lease', 'pgqueue_registry', 'pgqueue_pause', 'pgqueue_activity', 'pgqueue_snapshot', 'pgqueue_wake', 'pgqueue_bell', 'pgqueue_rewind', 'pgqueue_ring', 'pgqueue_wake', 'pgqueue_wake_later', 'pgqueue_wake')
     ) owned
     WHERE role <> current_user AND EXISTS (SELECT FROM missing) GROUP BY role ORDER BY role LIMIT 1)) INTO strange;
  IF strange IS NOT NULL THEN
    RAISE EXCEPTION USING MESSAGE = 'nestjs-pgqueue: ' || strange,
      HINT = 'Rename or drop what is not the queue''s, or drop all tables of the queue, and migrate again.';
  END IF;
END $$;

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_type y JOIN pg_catalog.pg_namespace n ON n.oid = y.typnamespace
      WHERE n.nspname = 'public' AND y.typname = 'pgqueue_status') THEN
    CREATE TYPE "public"."pgqueue_status" AS ENUM ('new', 'must_retry', 'no_attempts_left', 'cancelled', 'succeeded');
  END IF;
END $$;

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_type y JOIN pg_catalog.pg_namespace n ON n.oid = y.typnamespace
      WHERE n.nspname = 'public' AND y.typname = 'pgqueue_time') THEN
    CREATE DOMAIN "public"."pgqueue_time" AS timestamptz CONSTRAINT pgqueue_time_valid CHECK (VALUE BETWEEN '1700-01-01 00:00:00+00'::timestamptz AND '2250-01-01 00:00:00+00'::timestamptz);
  END IF;
END $$;

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_type y JOIN pg_catalog.pg_namespace n ON n.oid = y.typnamespace
      WHERE n.nspname = 'public' AND y.typname = 'pgqueue_attempts') THEN
    CREATE DOMAIN "public"."pgqueue_attempts" AS smallint CONSTRAINT pgqueue_attempts_valid CHECK (VALUE >= 0);
  END IF;
END $$;

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = 'public' AND c.relname = 'pgqueue') THEN
    CREATE TABLE "public"."pgqueue" (
  id               bigint GENERATED BY DEFAULT AS IDENTITY (MAXVALUE 9007199254740991) PRIMARY KEY,
  run_at           timestamptz NOT NULL DEFAULT CASE WHEN pg_current_xact_id() IS NOT NULL THEN clock_timestamp() END,
  created_at       "public"."pgqueue_time" NOT NULL DEFAULT now(),
  finished_at      "public"."pgqueue_time",
  status           "public"."pgqueue_status" NOT NULL DEFAULT 'new',
  kind             smallint NOT NULL,
  priority         smallint NOT NULL DEFAULT 5,
  lease_id         bigint,
  claim_id         bigint,
  attempts_left    smallint NOT NULL DEFAULT 32767,
  attempts_elapsed "public"."pgqueue_attempts" NOT NULL DEFAULT 0,
  external_key     text,
  messages         text[],
  trace            text,
  payload          json NOT NULL
) WITH (fillfactor = 48, vacuum_truncate = off, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_cost_delay = 0);
    INSERT INTO "public"."pgqueue" (id, kind, payload) SELECT -n, 0, to_json(repeat('x', 90)) FROM generate_series(1, 20000) n;
    DELETE FROM "public"."pgqueue";
  END IF;
END $$;

DO $$ DECLARE
  broken text;
BEGIN
  FOR broken IN SELECT i.indexrelid::regclass FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = '"public"."pgqueue"'::regclass AND NOT i.indisvalid AND c.relname IN ('pgqueue_claim', 'pgqueue_key', 'pgqueue_done', 'pgqueue_broken') LOOP
    EXECUTE 'DROP INDEX ' || broken;
  END LOOP;
END $$;

CREATE INDEX IF NOT EXISTS pgqueue_claim ON "public"."pgqueue" (kind, priority, run_at, id) WHERE status OPERATOR(pg_catalog.=) 'new' OR status OPERATOR(pg_catalog.=) 'must_retry';

CREATE UNIQUE INDEX IF NOT EXISTS pgqueue_key ON "public"."pgqueue" (kind, external_key) WHERE external_key IS NOT NULL;

CREATE INDEX IF NOT EXISTS pgqueue_done ON "public"."pgqueue" (kind, finished_at) WHERE status OPERATOR(pg_catalog.=) 'cancelled' OR status OPERATOR(pg_catalog.=) 'succeeded';

CREATE INDEX IF NOT EXISTS pgqueue_broken ON "public"."pgqueue" (kind, created_at) WHERE status OPERATOR(pg_catalog.=) 'no_attempts_left';

CREATE TABLE IF NOT EXISTS "public"."pgqueue_lease" (
  id           bigint PRIMARY KEY DEFAULT ('x' || replace(left(gen_random_uuid()::text, 13), '-', ''))::bit(48)::bigint,
  worker       text NOT NULL,
  started_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  heartbeat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  host         text,
  pid          int,
  version      text,
  kinds        smallint[],
  settings     json,
  slots        json,
  running      json,
  refused      json,
  ended_at     timestamptz,
  CONSTRAINT pgqueue_lease_valid CHECK (id BETWEEN -9007199254740991 AND 9007199254740991 AND heartbeat_at < 'infinity')
) WITH (fillfactor = 50);

CREATE TABLE IF NOT EXISTS "public"."pgqueue_registry" (job text PRIMARY KEY, updated_at timestamptz NOT NULL) WITH (fillfactor = 50);

CREATE TABLE IF NOT EXISTS "public"."pgqueue_pause" (kind smallint PRIMARY KEY, paused_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT pgqueue_pause_valid CHECK (paused_at BETWEEN '1700-01-01 00:00:00+00'::timestamptz AND '2250-01-01 00:00:00+00'::timestamptz));

CREATE TABLE IF NOT EXISTS "public"."pgqueue_activity" (
  minute    timestamptz NOT NULL,
  kind      smallint NOT NULL,
  succeeded bigint NOT NULL,
  failed    bigint NOT NULL,
  exhausted bigint NOT NULL,
  wait      bigint[] NOT NULL,
  run       bigint[] NOT NULL,
  PRIMARY KEY (minute, kind),
  CONSTRAINT pgqueue_activity_valid CHECK (minute BETWEEN '1700-01-01 00:00:00+00'::timestamptz AND '2250-01-01 00:00:00+00'::timestamptz AND succeeded >= 0 AND failed >= 0 AND exhausted >= 0)
) WITH (fillfactor = 50);

CREATE TABLE IF NOT EXISTS "public"."pgqueue_snapshot" (
  one      boolean PRIMARY KEY DEFAULT true CHECK (one),
  taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  content  json NOT NULL,
  CONSTRAINT pgqueue_snapshot_valid CHECK (taken_at BETWEEN '1700-01-01 00:00:00+00'::timestamptz AND '2250-01-01 00:00:00+00'::timestamptz)
) WITH (fillfactor = 50);

CREATE SEQUENCE IF NOT EXISTS "public"."pgqueue_bell" MINVALUE 0 START 0;

CREATE SEQUENCE IF NOT EXISTS "public"."pgqueue_rewind" MINVALUE 0 START 0;

CREATE UNLOGGED TABLE IF NOT EXISTS "public"."pgqueue_wake" (pushed_at timestamptz NOT NULL DEFAULT clock_timestamp());

CREATE OR REPLACE FUNCTION "public"."pgqueue_wake"() RETURNS trigger LANGUAGE plpgsql AS $wake$
BEGIN
  IF coalesce(pg_catalog.current_query(), '') OPERATOR(pg_catalog.!~*) '[[:<:]]PREPARE[[:space:]]+TRANSACTION[[:>:]]' THEN
    PERFORM pg_catalog.pg_notify('pgqueue_efa1f375d76194fa', '');
  END IF;
  RETURN NULL;
END $wake$;

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = '"public"."pgqueue_wake"'::regclass AND tgname = 'pgqueue_wake') THEN
    CREATE CONSTRAINT TRIGGER pgqueue_wake AFTER INSERT ON "public"."pgqueue_wake" DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "public"."pgqueue_wake"();
  END IF;
END $$;

CREATE OR REPLACE FUNCTION "public"."pgqueue_wake_later"() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $wake$
DECLARE
  place tid;
BEGIN
  INSERT INTO "public"."pgqueue_wake" DEFAULT VALUES RETURNING ctid INTO place;
  DELETE FROM "public"."pgqueue_wake" WHERE ctid = place;
END $wake$;

GRANT EXECUTE ON FUNCTION "public"."pgqueue_wake_later"() TO PUBLIC;

CREATE OR REPLACE FUNCTION "public"."pgqueue_ring"() RETURNS trigger LANGUAGE plpgsql AS $ring$
DECLARE
  at bigint;
  age bigint;
BEGIN
  IF pg_catalog.current_setting('pgqueue.notify', true) OPERATOR(pg_catalog.=) 'off' THEN
    RETURN NULL;
  END IF;
  IF pg_catalog.current_setting('pgqueue.alone', true) OPERATOR(pg_catalog.=) 'on' THEN
    at := (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) OPERATOR(pg_catalog.*) 1000)::bigint;
    age := at OPERATOR(pg_catalog.-) (pg_catalog.pg_sequence_last_value('"public"."pgqueue_bell"'::pg_catalog.regclass) OPERATOR(pg_catalog./) 2);
    IF age OPERATOR(pg_catalog.>=) 0 AND age OPERATOR(pg_catalog.<) 8 THEN
      RETURN NULL;
    END IF;
    PERFORM pg_catalog.setval('"public"."pgqueue_bell"', at OPERATOR(pg_catalog.*) 2);
  ELSIF pg_catalog.current_setting('max_prepared_transactions') OPERATOR(pg_catalog.<>) '0' THEN
    IF coalesce(pg_catalog.current_setting('pgqueue.wakes', true), '') OPERATOR(pg_catalog.<>) 'on' THEN
      PERFORM pg_catalog.set_config('pgqueue.wakes', 'on', true);
      PERFORM "public"."pgqueue_wake_later"();
    END IF;
    RETURN NULL;
  END IF;
  PERFORM pg_catalog.pg_notify('pgqueue_efa1f375d76194fa', '');
  RETURN NULL;
END $ring$;

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = '"public"."pgqueue"'::regclass AND tgname = 'pgqueue_ring') THEN
    CREATE TRIGGER pgqueue_ring AFTER INSERT ON "public"."pgqueue" FOR EACH STATEMENT EXECUTE FUNCTION "public"."pgqueue_ring"();
  END IF;
END $$;

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = '"public"."pgqueue_lease"'::regclass AND conname = 'pgqueue_lease_valid') THEN
    ALTER TABLE "public"."pgqueue_lease" ADD CONSTRAINT pgqueue_lease_valid CHECK (id BETWEEN -9007199254740991 AND 9007199254740991 AND heartbeat_at < 'infinity') NOT VALID;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = '"public"."pgqueue_pause"'::regclass AND conname = 'pgqueue_pause_valid') THEN
    ALTER TABLE "public"."pgqueue_pause" ADD CONSTRAINT pgqueue_pause_valid CHECK (paused_at BETWEEN '1700-01-01 00:00:00+00'::timestamptz AND '2250-01-01 00:00:00+00'::timestamptz) NOT VALID;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = '"public"."pgqueue_activity"'::regclass AND conname = 'pgqueue_activity_valid') THEN
    ALTER TABLE "public"."pgqueue_activity" ADD CONSTRAINT pgqueue_activity_valid CHECK (minute BETWEEN '1700-01-01 00:00:00+00'::timestamptz AND '2250-01-01 00:00:00+00'::timestamptz AND succeeded >= 0 AND failed >= 0 AND exhausted >= 0) NOT VALID;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = '"public"."pgqueue_snapshot"'::regclass AND conname = 'pgqueue_snapshot_valid') THEN
    ALTER TABLE "public"."pgqueue_snapshot" ADD CONSTRAINT pgqueue_snapshot_valid CHECK (taken_at BETWEEN '1700-01-01 00:00:00+00'::timestamptz AND '2250-01-01 00:00:00+00'::timestamptz) NOT VALID;
  END IF;
END $$;

COMMENT ON TABLE "public"."pgqueue" IS 'nestjs-pgqueue schema 1.0';

COMMIT;
