-- Ids are UUIDs (16 bytes; the prefix is the column's business), times are Unix milliseconds, text is compared byte by byte.
-- Each CHECK of `deliveries` and `attempts` is an arrow or a node of docs/STATE_MACHINE.md.
--
-- The tables that every event writes into have no foreign keys: each would cost a look-up and a lock for every row, and a lock of an
-- endpoint's row for every delivery to it. The statements that write see to it that what a row refers to is there.

-- Raised by every change of the configuration, as its first step: who has raised it is the only one to change anything until the end of
-- its transaction, and whoever reads another number or stamp than it knows has to read the configuration again.
CREATE TABLE config_version (
    only_row BOOLEAN PRIMARY KEY DEFAULT true CHECK (only_row),
    version  BIGINT NOT NULL,
    -- another one with each change: after a fail-over to a standby that was behind, a number comes up again for something else
    stamp    UUID NOT NULL DEFAULT gen_random_uuid(),
    -- a known text under the operator's encryption key: whoever has another key is refused although nothing else is encrypted yet
    key_check BYTEA
);
INSERT INTO config_version (version) VALUES (1);

-- Which cluster of servers this is. Each counts its transactions for itself: events that came here by a dump have the numbers of another.
CREATE TABLE cluster_identity (
    only_row          BOOLEAN PRIMARY KEY DEFAULT true CHECK (only_row),
    -- null until a node has asked the server
    system_identifier BIGINT,
    -- events up to this one came by a dump: all of them were committed, whatever `xid` says
    restored_position BIGINT NOT NULL DEFAULT 0
);
INSERT INTO cluster_identity DEFAULT VALUES;

-- Who works on this database. A node whose heartbeat is 5 s old is dead: what it held is free.
CREATE TABLE nodes (
    id             UUID PRIMARY KEY,
    -- of the program, for people
    version        TEXT NOT NULL,
    -- the newest migration that it knows
    schema_version INTEGER NOT NULL,
    started_at     TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    heartbeat_at   TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    -- how far its clock is ahead of the database's
    clock_ahead_ms BIGINT NOT NULL,
    -- where it runs, for people
    host           TEXT NOT NULL DEFAULT '',
    process_id     BIGINT NOT NULL DEFAULT 0
);

-- Who was found dead within a day, as `nodes` had it: for people alone. Whoever comes back is taken out again.
CREATE TABLE dead_nodes (
    id             UUID PRIMARY KEY,
    version        TEXT NOT NULL,
    schema_version INTEGER NOT NULL,
    started_at     TIMESTAMPTZ NOT NULL,
    -- the last one
    heartbeat_at   TIMESTAMPTZ NOT NULL,
    clock_ahead_ms BIGINT NOT NULL,
    host           TEXT NOT NULL DEFAULT '',
    process_id     BIGINT NOT NULL DEFAULT 0
);

-- The one node that claims for an endpoint which has a rate, a concurrency or an order.
CREATE TABLE endpoint_owners (
    endpoint_id UUID PRIMARY KEY,
    node_id     UUID NOT NULL REFERENCES nodes (id) ON DELETE CASCADE
);

CREATE INDEX endpoint_owners_by_node ON endpoint_owners (node_id);

CREATE TABLE admin_keys (
    only_row   BOOLEAN PRIMARY KEY DEFAULT true CHECK (only_row),
    key_sha256 BYTEA NOT NULL CHECK (length(key_sha256) = 32)
);

CREATE TABLE projects (
    id                UUID PRIMARY KEY,
    name              TEXT COLLATE "C" NOT NULL UNIQUE,
    -- raised by every change that can change where an event goes
    config_generation BIGINT NOT NULL DEFAULT 1,
    created_at        BIGINT NOT NULL,
    archived_at       BIGINT
);

CREATE TABLE api_keys (
    id           UUID PRIMARY KEY,
    project_id   UUID NOT NULL REFERENCES projects (id),
    name         TEXT NOT NULL,
    hint         TEXT NOT NULL,
    key_sha256   BYTEA NOT NULL UNIQUE CHECK (length(key_sha256) = 32),
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT
);

CREATE INDEX api_keys_by_project ON api_keys (project_id);

CREATE TABLE sources (
    id           UUID PRIMARY KEY,
    project_id   UUID NOT NULL REFERENCES projects (id),
    name         TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('openai', 'standard_webhooks', 'publish')),
    status       TEXT NOT NULL CHECK (status IN ('active', 'archived')),
    -- what to do with a call whose signature is right and whose timestamp is too old
    stale_policy TEXT NOT NULL DEFAULT 'reject' CHECK (stale_policy IN ('reject', 'admit')),
    token        TEXT COLLATE "C" UNIQUE,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    deleted_at   BIGINT,
    CHECK ((kind = 'publish') = (token IS NULL))
);

CREATE INDEX sources_live ON sources (project_id, id) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX sources_publish ON sources (project_id) WHERE kind = 'publish';

CREATE TABLE source_secrets (
    id         UUID PRIMARY KEY,
    source_id  UUID NOT NULL REFERENCES sources (id),
    ciphertext BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE INDEX source_secrets_by_source ON source_secrets (source_id, id);

CREATE TABLE endpoints (
    id                 UUID PRIMARY KEY,
    project_id         UUID NOT NULL REFERENCES projects (id),
    name               TEXT NOT NULL,
    url                TEXT NOT NULL,
    -- patterns joined by one space; none contains white space
    event_types        TEXT NOT NULL CHECK (event_types <> ''),
    timeout_secs       SMALLINT NOT NULL CHECK (timeout_secs BETWEEN 1 AND 60),
    description        TEXT,
    -- statuses joined by one space
    no_retry_statuses  TEXT NOT NULL DEFAULT '',
    -- JSON, encrypted: {"headers": [[name, value]], "authentication": …}; null when there is neither
    extras             BYTEA,
    -- seconds joined by one space; null is the usual schedule, empty is one attempt
    retry_delays       TEXT,
    max_per_sec        BIGINT CHECK (max_per_sec > 0),
    max_concurrency    INTEGER CHECK (max_concurrency > 0),
    ordering           TEXT NOT NULL DEFAULT 'none' CHECK (ordering IN ('none', 'object')),
    ordering_wait_secs BIGINT NOT NULL DEFAULT 3600 CHECK (ordering_wait_secs > 0),
    max_age_secs       BIGINT CHECK (max_age_secs > 0),
    created_at         BIGINT NOT NULL,
    updated_at         BIGINT NOT NULL,
    paused_at          BIGINT,
    resumed_at         BIGINT,
    disabled_at        BIGINT,
    disabled_reason    TEXT,
    -- since when it fails everything
    failing_since      BIGINT,
    last_failed_at     BIGINT,
    warned_at          BIGINT,
    -- the replay that it was made for, as its other URL
    replay_id          UUID,
    deleted_at         BIGINT,
    CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL))
);

-- Also those that are deleted: their rows stay.
CREATE INDEX endpoints_by_project ON endpoints (project_id);
CREATE INDEX endpoints_live ON endpoints (project_id, id) WHERE deleted_at IS NULL;

CREATE TABLE endpoint_secrets (
    id          UUID PRIMARY KEY,
    endpoint_id UUID NOT NULL REFERENCES endpoints (id),
    ciphertext  BYTEA NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT
);

CREATE INDEX endpoint_secrets_by_endpoint ON endpoint_secrets (endpoint_id, id);

-- Types that an endpoint may name although nothing has sent them yet.
CREATE TABLE event_types (
    project_id   UUID NOT NULL REFERENCES projects (id),
    name         TEXT COLLATE "C" NOT NULL,
    created_at   BIGINT NOT NULL,
    -- how old an event of this type may be when it is attempted; 0 is no limit, null is the catalogue's
    max_age_secs BIGINT CHECK (max_age_secs >= 0),
    PRIMARY KEY (project_id, name)
);

-- Partitioned tables have no identity columns before PostgreSQL 17.
CREATE SEQUENCE events_position AS BIGINT;

-- Its partitions, by the time that an id begins with, are made and removed as time goes on. There is none for all that fits nowhere:
-- lists are read in the order of the partitions.
CREATE TABLE events (
    id                UUID NOT NULL,
    project_id        UUID NOT NULL,
    -- The order of commits is (xid, position), as far as it is read below the oldest transaction that still runs.
    position          BIGINT NOT NULL DEFAULT nextval('events_position'),
    xid               XID8 NOT NULL DEFAULT pg_current_xact_id(),
    source_id         UUID NOT NULL,
    type              TEXT COLLATE "C" NOT NULL,
    webhook_id        TEXT COLLATE "C" NOT NULL,
    upstream_event_id TEXT COLLATE "C",
    object_id         TEXT COLLATE "C",
    created_at        BIGINT NOT NULL,
    payload           BYTEA NOT NULL,
    PRIMARY KEY (project_id, id)
) PARTITION BY RANGE (id);

ALTER SEQUENCE events_position OWNED BY events.position;

CREATE INDEX events_by_type ON events (project_id, type, id);
CREATE INDEX events_by_object ON events (project_id, object_id, id) WHERE object_id IS NOT NULL;

-- Deduplication, with a retention of its own.
CREATE TABLE webhook_ids (
    source_id      UUID NOT NULL,
    webhook_id     TEXT COLLATE "C" NOT NULL,
    project_id     UUID NOT NULL,
    event_id       UUID NOT NULL,
    payload_sha256 BYTEA NOT NULL CHECK (length(payload_sha256) = 32),
    first_seen_at  BIGINT NOT NULL,
    PRIMARY KEY (source_id, webhook_id)
);

CREATE INDEX webhook_ids_by_age ON webhook_ids (first_seen_at);

CREATE TABLE receipts (
    id          UUID NOT NULL,
    project_id  UUID NOT NULL,
    source_id   UUID NOT NULL,
    received_at BIGINT NOT NULL,
    disposition TEXT NOT NULL CHECK (disposition IN ('accepted', 'duplicate', 'payload_differs', 'rejected', 'held')),
    -- the code it was refused with; stays when it is admitted afterwards
    reason      TEXT,
    webhook_id  TEXT COLLATE "C",
    event_id    UUID,
    secret_id   UUID,
    admitted_at BIGINT,
    -- what is kept of a refused call
    body_bytes  BIGINT,
    headers     BYTEA,
    body        BYTEA,
    PRIMARY KEY (project_id, id),
    CHECK ((disposition IN ('rejected', 'held')) = (event_id IS NULL)),
    CHECK (event_id IS NULL OR (webhook_id IS NOT NULL AND secret_id IS NOT NULL)),
    CHECK (event_id IS NOT NULL OR (reason IS NOT NULL AND admitted_at IS NULL)),
    CHECK ((event_id IS NOT NULL AND reason IS NOT NULL) = (admitted_at IS NOT NULL)),
    CHECK ((event_id IS NULL) = (body_bytes IS NOT NULL)),
    CHECK ((event_id IS NULL) = (headers IS NOT NULL)),
    CHECK ((event_id IS NULL) = (body IS NOT NULL))
);

-- The calls of one source, among those of all: a quiet one's are far apart.
CREATE INDEX receipts_by_source ON receipts (source_id, id);

-- Few, and looked for among many that were taken in.
CREATE INDEX receipts_refused ON receipts (project_id, id) WHERE event_id IS NULL;
CREATE INDEX receipts_held ON receipts (source_id, id) WHERE disposition = 'held';

-- How many calls were refused, with what code: counted even when the call itself is not kept.
CREATE TABLE refusal_counts (
    source_id UUID NOT NULL REFERENCES sources (id),
    reason    TEXT COLLATE "C" NOT NULL,
    count     BIGINT NOT NULL CHECK (count > 0),
    PRIMARY KEY (source_id, reason)
);

CREATE TABLE replays (
    id                  UUID PRIMARY KEY,
    project_id          UUID NOT NULL REFERENCES projects (id),
    -- the query
    endpoint_id         UUID,
    source_id           UUID,
    type                TEXT COLLATE "C",
    object_id           TEXT COLLATE "C",
    event_state         TEXT CHECK (event_state IN ('pending', 'delivered', 'dead', 'cancelled', 'missed')),
    created_after       BIGINT,
    created_before      BIGINT,
    -- where to, if not to the endpoints
    target_url          TEXT,
    target_endpoint_id  UUID,
    rate                BIGINT NOT NULL CHECK (rate > 0),
    state               TEXT NOT NULL CHECK (state IN ('running', 'completed', 'cancelled')),
    expected_count      BIGINT NOT NULL CHECK (expected_count >= 0),
    expected_is_minimum BOOLEAN NOT NULL,
    created_count       BIGINT NOT NULL DEFAULT 0 CHECK (created_count >= 0),
    -- of the last event that was looked at
    cursor              UUID,
    -- what had been committed when it was made
    until_snapshot      PG_SNAPSHOT NOT NULL,
    -- the highest id that the project's events had in that snapshot, by which a walk ends; null if there was none. What is committed later
    -- may have a lower one: it is the snapshot that tells
    until_id            UUID,
    -- the node that advances it
    runner              UUID,
    -- whether something is left to be done once it is final: pending deliveries to cancel, the other URL's endpoint to delete
    needs_clearing      BOOLEAN NOT NULL DEFAULT false,
    created_at          BIGINT NOT NULL,
    finished_at         BIGINT,
    end_reason          TEXT CHECK (end_reason IN ('endpoint_deleted', 'requested')),
    CHECK ((state = 'running') = (finished_at IS NULL)),
    CHECK ((state = 'cancelled') = (end_reason IS NOT NULL)),
    CHECK ((target_url IS NULL) = (target_endpoint_id IS NULL)),
    CHECK (NOT needs_clearing OR state <> 'running')
);

CREATE INDEX replays_by_project ON replays (project_id, id);
-- Those that the replayer has something to do for.
CREATE INDEX replays_by_runner ON replays (runner) WHERE runner IS NOT NULL;
CREATE INDEX replays_at_work ON replays (id) WHERE state = 'running' OR needs_clearing;

CREATE TABLE deliveries (
    id               UUID NOT NULL,
    project_id       UUID NOT NULL,
    -- The order within an endpoint and an object: drawn under a lock of that order, which is held until the commit.
    position         BIGINT GENERATED ALWAYS AS IDENTITY,
    event_id         UUID NOT NULL,
    endpoint_id      UUID NOT NULL,
    trigger          TEXT NOT NULL CHECK (trigger IN ('event', 'redelivery', 'replay', 'test')),
    state            TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead', 'cancelled')),
    end_reason       TEXT,
    attempt_count    INTEGER NOT NULL DEFAULT 0 CHECK (attempt_count >= 0),
    first_attempt_at BIGINT,
    created_at       BIGINT NOT NULL,
    -- null while it waits for the one before it in its order
    due_at           BIGINT,
    lease_token      BIGINT NOT NULL DEFAULT 0 CHECK (lease_token >= 0),
    -- by the database's clock
    lease_expires_at BIGINT,
    -- who holds it
    lease_node       UUID,
    finished_at      BIGINT,
    -- true goes before false
    urgent           BOOLEAN NOT NULL DEFAULT false,
    expires_at       BIGINT,
    -- the object that it is about, if its endpoint wants an object's deliveries in order
    order_key        TEXT COLLATE "C",
    replay_id        UUID,
    PRIMARY KEY (project_id, id),
    CHECK (state = 'pending' OR due_at IS NULL),
    CHECK (state <> 'pending' OR due_at IS NOT NULL OR (order_key IS NOT NULL AND attempt_count = 0)),
    CHECK ((state = 'pending') = (finished_at IS NULL)),
    CHECK (lease_expires_at IS NULL OR due_at IS NOT NULL),
    CHECK (lease_node IS NULL OR lease_expires_at IS NOT NULL),
    CHECK (order_key IS NULL OR trigger = 'event'),
    CHECK (replay_id IS NULL OR trigger = 'replay'),
    CHECK ((attempt_count = 0) = (first_attempt_at IS NULL)),
    CHECK (state <> 'delivered' OR attempt_count > 0),
    CHECK (
        CASE state
            WHEN 'dead' THEN
                end_reason = 'retention'
                OR (end_reason = 'expired' AND expires_at IS NOT NULL)
                OR (end_reason IN ('schedule_exhausted', 'no_retry_status', 'aborted') AND attempt_count > 0)
            WHEN 'cancelled' THEN end_reason IN ('endpoint_deleted', 'requested')
            ELSE end_reason IS NULL
        END IS TRUE
    )
);

-- What may be claimed, by endpoint, what is urgent apart: a million rows of one dead endpoint are one seek away from the next
-- endpoint's.
CREATE INDEX deliveries_due ON deliveries (endpoint_id, urgent, due_at)
    WHERE due_at IS NOT NULL AND lease_expires_at IS NULL;
-- What is under way: small, read by the reclaimer.
CREATE INDEX deliveries_leased ON deliveries (lease_expires_at) WHERE lease_expires_at IS NOT NULL;
CREATE INDEX deliveries_by_event ON deliveries (event_id);
-- Which events, and which of their partitions, must stay. No event is null: who does not ask for any is not to be tempted to read all of it.
CREATE INDEX deliveries_pending ON deliveries (event_id) WHERE state = 'pending' AND event_id IS NOT NULL;
CREATE INDEX deliveries_by_endpoint ON deliveries (endpoint_id, id);
-- Lists of what is pending, dead or cancelled: few, beside what was delivered, and each in order.
CREATE INDEX deliveries_unsettled ON deliveries (project_id, state, id) WHERE state <> 'delivered';
-- What an order holds: pending deliveries of an object, in the order of their events.
CREATE INDEX deliveries_ordered ON deliveries (endpoint_id, order_key, position)
    WHERE order_key IS NOT NULL AND finished_at IS NULL;
CREATE INDEX deliveries_expiring ON deliveries (expires_at) WHERE expires_at IS NOT NULL AND finished_at IS NULL;
-- What a replay has made: in order, and by how it stands.
CREATE INDEX deliveries_by_replay ON deliveries (replay_id, id) WHERE replay_id IS NOT NULL;
CREATE INDEX deliveries_by_replay_state ON deliveries (replay_id, state, id) WHERE replay_id IS NOT NULL;

-- Each delivery's row is written several times within seconds: what that leaves behind is to be cleared away early.
ALTER TABLE deliveries SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
-- What retention removes lies at one end of an index that the next step begins at: it walks through whatever is not cleared away.
ALTER TABLE webhook_ids SET (autovacuum_vacuum_scale_factor = 0.01);
ALTER TABLE receipts SET (autovacuum_vacuum_scale_factor = 0.01);

-- Partitioned as the events are.
CREATE TABLE attempts (
    delivery_id   UUID NOT NULL,
    id            UUID NOT NULL,
    number        INTEGER NOT NULL CHECK (number >= 1),
    outcome       TEXT NOT NULL CHECK (outcome IN ('succeeded', 'http_error', 'timeout', 'unreachable', 'blocked')),
    status_code   INTEGER,
    error         TEXT,
    started_at    BIGINT NOT NULL,
    duration_ms   BIGINT NOT NULL CHECK (duration_ms >= 0),
    response_body BYTEA NOT NULL CHECK (length(response_body) <= 16384),
    PRIMARY KEY (delivery_id, id),
    CHECK ((outcome IN ('succeeded', 'http_error')) = (status_code IS NOT NULL)),
    CHECK ((outcome = 'succeeded') = (status_code IS NOT NULL AND status_code BETWEEN 200 AND 299))
) PARTITION BY RANGE (id);

-- The first answer to a request that may be repeated. Without an answer: under way, or its process died.
CREATE TABLE idempotency_keys (
    project_id     UUID NOT NULL,
    -- who asks, method and path, with blanks between
    route          TEXT COLLATE "C" NOT NULL,
    key            TEXT COLLATE "C" NOT NULL,
    request_sha256 BYTEA NOT NULL CHECK (length(request_sha256) = 32),
    created_at     BIGINT NOT NULL,
    -- drawn at its first beginning
    nonce          BYTEA NOT NULL CHECK (length(nonce) = 16),
    -- of the process that runs it
    run_id         UUID NOT NULL,
    status_code    INTEGER CHECK (status_code BETWEEN 200 AND 599),
    -- encrypted
    answer         BYTEA,
    PRIMARY KEY (project_id, route, key),
    CHECK ((status_code IS NULL) = (answer IS NULL))
);
ALTER TABLE idempotency_keys SET (autovacuum_vacuum_scale_factor = 0.01);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
