GRANT USAGE ON SCHEMA public TO app;
GRANT SELECT, INSERT, UPDATE, DELETE ON pgqueue, pgqueue_lease, pgqueue_registry, pgqueue_pause, pgqueue_activity, pgqueue_snapshot TO app;
GRANT SELECT, UPDATE ON SEQUENCE pgqueue_bell, pgqueue_rewind TO app;
