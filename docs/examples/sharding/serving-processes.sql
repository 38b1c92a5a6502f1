-- the worker processes that serve this shard
SELECT worker, host, pid, heartbeat_at FROM pgqueue_lease ORDER BY worker;
