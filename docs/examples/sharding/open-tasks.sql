-- tasks that are not finished, those that run and those that wait for a time included
SELECT kind, status, count(*), count(lease_id) AS running, max(run_at) AS last_due
FROM pgqueue WHERE status NOT IN ('succeeded', 'cancelled') GROUP BY 1, 2 ORDER BY 1, 2;
