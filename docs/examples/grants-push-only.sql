GRANT USAGE ON SCHEMA public TO web;
GRANT INSERT (kind, priority, attempts_left, external_key, trace, payload, run_at) ON pgqueue TO web;
GRANT SELECT (id, kind, external_key) ON pgqueue TO web;
GRANT SELECT, UPDATE ON SEQUENCE pgqueue_bell TO web;
