-- dead rows, and when they were last cleaned away
SELECT n_live_tup, n_dead_tup, last_autovacuum FROM pg_stat_user_tables WHERE relname = 'pgqueue';

-- the transactions that hold vacuum back, the oldest first
SELECT pid, usename, state, now() - xact_start AS open_for, left(query, 80) AS query
FROM pg_stat_activity WHERE backend_xmin IS NOT NULL ORDER BY xact_start LIMIT 5;
