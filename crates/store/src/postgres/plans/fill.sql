-- 4 projects, 400 endpoints, 20,000 events of 40 types about 5,000 objects over four partitions, each with one delivery and attempt; one in a
-- hundred is pending, and of those one in four is leased, one waits in an order, one may expire; one in fifty is dead; 40 replays
-- made one in ten. `u(kind, n)` is an id made n milliseconds after 1970.
CREATE FUNCTION pg_temp.u(kind int, n int) RETURNS uuid LANGUAGE sql AS
    $$ SELECT (lpad(to_hex(n), 12, '0') || '000000000000000000' || lpad(to_hex(kind), 2, '0'))::uuid $$;
DO $$ BEGIN
    FOR part IN 0..3 LOOP
        FOR base IN 0..1 LOOP
            EXECUTE format('CREATE TABLE %1$s_%2$s PARTITION OF %1$s FOR VALUES FROM (%3$s) TO (%4$s)',
                (ARRAY['events', 'attempts'])[base + 1], part,
                CASE part WHEN 0 THEN 'MINVALUE' ELSE quote_literal(pg_temp.u(0, part * 5000)) END,
                CASE part WHEN 3 THEN 'MAXVALUE' ELSE quote_literal(pg_temp.u(0, part * 5000 + 5000)) END);
        END LOOP;
    END LOOP;
END $$;
INSERT INTO projects (id, name, created_at) SELECT pg_temp.u(1, n), n::text, 0 FROM generate_series(1, 4) AS n;
INSERT INTO sources (id, project_id, name, kind, status, token, created_at, updated_at)
    SELECT pg_temp.u(2, n), pg_temp.u(1, n), '', 'openai', 'active', n::text, 0, 0 FROM generate_series(1, 4) AS n;
INSERT INTO endpoints (id, project_id, name, url, event_types, timeout_secs, created_at, updated_at)
    SELECT pg_temp.u(3, n), pg_temp.u(1, 1 + n % 4), '', '', '*', 1, 0, 0 FROM generate_series(1, 400) AS n;
CREATE FUNCTION pg_temp.fill(first int, last int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO events (id, project_id, source_id, type, webhook_id, object_id, created_at, payload)
        SELECT pg_temp.u(4, n), pg_temp.u(1, 1 + n % 4), pg_temp.u(2, 1 + n % 4), 't.' || n % 40, n::text, (n % 5000)::text, n, '{}'
        FROM generate_series(first, last) AS n;
    INSERT INTO deliveries (id, project_id, event_id, endpoint_id, trigger, state, end_reason, attempt_count, first_attempt_at,
        created_at, due_at, lease_expires_at, finished_at, expires_at, order_key, replay_id)
        SELECT pg_temp.u(6, n), pg_temp.u(1, 1 + n % 4), pg_temp.u(4, n), pg_temp.u(3, 1 + n % 400),
        CASE WHEN n % 10 = 3 THEN 'replay' ELSE 'event' END,
        CASE WHEN n % 100 = 0 THEN 'pending' WHEN n % 50 = 1 THEN 'dead' ELSE 'delivered' END,
        CASE WHEN n % 50 = 1 AND n % 100 <> 0 THEN 'schedule_exhausted' END,
        CASE WHEN n % 100 = 0 THEN 0 ELSE 1 END, CASE WHEN n % 100 = 0 THEN NULL ELSE n END, n,
        CASE WHEN n % 100 = 0 AND n % 400 <> 100 THEN n END, CASE WHEN n % 400 = 0 THEN n END,
        CASE WHEN n % 100 = 0 THEN NULL ELSE n END, CASE WHEN n % 400 = 200 THEN n END,
        CASE WHEN n % 400 = 100 THEN n::text END, CASE WHEN n % 10 = 3 THEN pg_temp.u(7, n % 40) END
        FROM generate_series(first, last) AS n;
$$;
SELECT pg_temp.fill(1, 20000);
INSERT INTO webhook_ids (source_id, webhook_id, project_id, event_id, payload_sha256, first_seen_at)
    SELECT source_id, webhook_id, project_id, id, decode(repeat('00', 32), 'hex'), created_at FROM events;
INSERT INTO receipts (id, project_id, source_id, received_at, disposition, webhook_id, event_id, secret_id)
    SELECT id, project_id, source_id, created_at, 'accepted', webhook_id, id, id FROM events;
INSERT INTO receipts (id, project_id, source_id, received_at, disposition, reason, body_bytes, headers, body)
    SELECT pg_temp.u(5, n), pg_temp.u(1, 1 + n % 4), pg_temp.u(2, 1 + n % 4), n, 'held', '', 0, '', ''
    FROM generate_series(1, 400) AS n;
INSERT INTO attempts (delivery_id, id, number, outcome, status_code, started_at, duration_ms, response_body)
    SELECT id, id, 1, 'succeeded', 200, 0, 0, '' FROM deliveries WHERE attempt_count > 0;
INSERT INTO idempotency_keys (project_id, route, key, request_sha256, created_at, nonce, run_id)
    SELECT pg_temp.u(1, 1 + n % 4), 'POST /', n::text, decode(repeat('00', 32), 'hex'), n, decode(repeat('00', 16), 'hex'),
    pg_temp.u(8, 1) FROM generate_series(1, 4000) AS n;
-- As autovacuum does: the parts, and never the whole.
DO $$ DECLARE part regclass; BEGIN
    FOR part IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
        EXECUTE format('ANALYZE %s', part);
    END LOOP;
END $$;
