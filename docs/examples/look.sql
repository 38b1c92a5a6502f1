-- how much there is, by kind and status (reads the whole table)
SELECT kind, CASE WHEN lease_id IS NULL THEN status::text ELSE 'processing' END AS status, count(*)
FROM pgqueue GROUP BY 1, 2 ORDER BY 1, 2;

-- the oldest tasks of a kind that need a person, and why they failed
SELECT id, external_key, created_at, attempts_elapsed, messages
FROM pgqueue WHERE kind = 1 AND status = 'no_attempts_left' ORDER BY created_at LIMIT 20;

-- the worker processes
SELECT id, worker, host, pid, version, kinds, started_at, clock_timestamp() - heartbeat_at AS silent_for
FROM pgqueue_lease ORDER BY id;
