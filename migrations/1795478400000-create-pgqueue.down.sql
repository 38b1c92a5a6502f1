-- Written by scripts/write-migrations.mjs. For the schema "public"; to use another, replace "public", 'public' and the name of
-- the NOTIFY channel by what `createPgQueueMigrations({ schema })` runs, or run that.

BEGIN;

SET LOCAL search_path = pg_catalog, pg_temp;

DROP TABLE "public"."pgqueue", "public"."pgqueue_lease", "public"."pgqueue_registry", "public"."pgqueue_pause", "public"."pgqueue_activity", "public"."pgqueue_snapshot";

DROP FUNCTION "public"."pgqueue_ring"();

DROP SEQUENCE "public"."pgqueue_bell", "public"."pgqueue_rewind";

DROP TYPE "public"."pgqueue_status";

COMMIT;
