-- which sessions wait for a lock, and for whom
SELECT waiting.pid, left(waiting.query, 80) AS waits, blocking.pid AS blocked_by, blocking.state,
       now() - blocking.xact_start AS open_for, left(blocking.query, 80) AS last_statement
FROM pg_stat_activity waiting
CROSS JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) AS blocker(pid)
JOIN pg_stat_activity blocking ON blocking.pid = blocker.pid
ORDER BY open_for DESC;
