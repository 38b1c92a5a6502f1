-- Written by scripts/write-migrations.mjs. For the schema "public"; to use another, replace "public", 'public' and the name of
-- the NOTIFY channel by what `createPgQueueMigrations({ schema })` runs, or run that.

BEGIN;

SET LOCAL search_path = pg_catalog, pg_temp;

DROP TABLE IF EXISTS "public"."pgqueue", "public"."pgqueue_lease", "public"."pgqueue_registry", "public"."pgqueue_pause", "public"."pgqueue_activity", "public"."pgqueue_snapshot", "public"."pgqueue_wake";

DROP FUNCTION IF EXISTS "public"."pgqueue_ring"(), "public"."pgqueue_wake"(), "public"."pgqueue_wake_later"();

DROP SEQUENCE IF EXISTS "public"."pgqueue_bell", "public"."pgqueue_rewind";

DROP TYPE IF EXISTS "public"."pgqueue_status";

DROP DOMAIN IF EXISTS "public"."pgqueue_time", "public"."pgqueue_attempts";

COMMIT;
