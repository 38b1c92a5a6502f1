DELETE FROM pgqueue
WHERE kind = 1 AND status = 'no_attempts_left' AND created_at < now() - interval '90 days';
