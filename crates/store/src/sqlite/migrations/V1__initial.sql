-- Ids are 16 bytes (the prefix is the column's business), times are Unix milliseconds.
-- Each CHECK of `deliveries` and `attempts` is an arrow or a node of docs/STATE_MACHINE.md.

CREATE TABLE admin_keys (
    only_row   INTEGER PRIMARY KEY CHECK (only_row = 1),
    key_sha256 BLOB NOT NULL CHECK (length(key_sha256) = 32)
) STRICT;

CREATE TABLE projects (
    id                BLOB PRIMARY KEY CHECK (length(id) = 16),
    name              TEXT NOT NULL UNIQUE,
    -- raised by every change that can change where an event goes
    config_generation INTEGER NOT NULL DEFAULT 1,
    created_at        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sources (
    id         BLOB PRIMARY KEY CHECK (length(id) = 16),
    project_id BLOB NOT NULL REFERENCES projects (id),
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('openai', 'standard_webhooks')),
    status     TEXT NOT NULL CHECK (status IN ('active', 'archived')),
    -- what to do with a call whose signature is right and whose timestamp is too old
    stale_policy TEXT NOT NULL DEFAULT 'reject' CHECK (stale_policy IN ('reject', 'admit')),
    token      TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE source_secrets (
    id         BLOB PRIMARY KEY CHECK (length(id) = 16),
    source_id  BLOB NOT NULL REFERENCES sources (id),
    ciphertext BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX source_secrets_by_source ON source_secrets (source_id, id);

CREATE TABLE endpoints (
    id              BLOB PRIMARY KEY CHECK (length(id) = 16),
    project_id      BLOB NOT NULL REFERENCES projects (id),
    name            TEXT NOT NULL,
    url             TEXT NOT NULL,
    -- patterns joined by one space; none contains white space
    event_types     TEXT NOT NULL CHECK (event_types <> ''),
    timeout_secs    INTEGER NOT NULL CHECK (timeout_secs BETWEEN 1 AND 60),
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    paused_at       INTEGER,
    disabled_at     INTEGER,
    disabled_reason TEXT,
    deleted_at      INTEGER,
    CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX endpoints_live ON endpoints (project_id, id) WHERE deleted_at IS NULL;

CREATE TABLE endpoint_secrets (
    id          BLOB PRIMARY KEY CHECK (length(id) = 16),
    endpoint_id BLOB NOT NULL REFERENCES endpoints (id),
    ciphertext  BLOB NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX endpoint_secrets_by_endpoint ON endpoint_secrets (endpoint_id, id);

CREATE TABLE events (
    -- commit order: SQLite has one writer at a time, and AUTOINCREMENT never hands a pruned number out again
    position          INTEGER PRIMARY KEY AUTOINCREMENT,
    id                BLOB NOT NULL CHECK (length(id) = 16),
    project_id        BLOB NOT NULL,
    source_id         BLOB NOT NULL,
    type              TEXT NOT NULL,
    webhook_id        TEXT NOT NULL,
    upstream_event_id TEXT,
    object_id         TEXT,
    created_at        INTEGER NOT NULL,
    -- last, so that reading the columns before it never walks the overflow pages of a large body
    payload           BLOB NOT NULL,
    UNIQUE (project_id, id)
) STRICT;

CREATE INDEX events_by_type ON events (project_id, type, id);
CREATE INDEX events_by_object ON events (project_id, object_id, id) WHERE object_id IS NOT NULL;

-- Deduplication, with a retention of its own.
CREATE TABLE webhook_ids (
    source_id      BLOB NOT NULL,
    webhook_id     TEXT NOT NULL,
    project_id     BLOB NOT NULL,
    event_id       BLOB NOT NULL CHECK (length(event_id) = 16),
    payload_sha256 BLOB NOT NULL CHECK (length(payload_sha256) = 32),
    first_seen_at  INTEGER NOT NULL,
    PRIMARY KEY (source_id, webhook_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX webhook_ids_by_age ON webhook_ids (first_seen_at);

CREATE TABLE receipts (
    id          BLOB NOT NULL CHECK (length(id) = 16),
    project_id  BLOB NOT NULL,
    source_id   BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    disposition TEXT NOT NULL CHECK (disposition IN ('accepted', 'duplicate', 'payload_differs', 'rejected', 'held')),
    -- the code it was refused with; stays when it is admitted afterwards
    reason      TEXT,
    webhook_id  TEXT,
    event_id    BLOB CHECK (length(event_id) = 16),
    secret_id   BLOB CHECK (length(secret_id) = 16),
    admitted_at INTEGER,
    -- what is kept of a refused call
    body_bytes  INTEGER,
    headers     BLOB,
    body        BLOB,
    PRIMARY KEY (project_id, id),
    CHECK ((disposition IN ('rejected', 'held')) = (event_id IS NULL)),
    CHECK (event_id IS NULL OR (webhook_id IS NOT NULL AND secret_id IS NOT NULL)),
    CHECK (event_id IS NOT NULL OR (reason IS NOT NULL AND admitted_at IS NULL)),
    CHECK ((event_id IS NOT NULL AND reason IS NOT NULL) = (admitted_at IS NOT NULL)),
    CHECK ((event_id IS NULL) = (body_bytes IS NOT NULL)),
    CHECK ((event_id IS NULL) = (headers IS NOT NULL)),
    CHECK ((event_id IS NULL) = (body IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- Few, and looked for among many that were taken in.
CREATE INDEX receipts_refused ON receipts (project_id, id) WHERE event_id IS NULL;
CREATE INDEX receipts_held ON receipts (source_id, id) WHERE disposition = 'held';

-- How many calls were refused, with what code: counted even when the call itself is not kept.
CREATE TABLE refusal_counts (
    source_id BLOB NOT NULL REFERENCES sources (id),
    reason    TEXT NOT NULL,
    count     INTEGER NOT NULL CHECK (count > 0),
    PRIMARY KEY (source_id, reason)
) STRICT, WITHOUT ROWID;

CREATE TABLE deliveries (
    position         INTEGER PRIMARY KEY,
    id               BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    project_id       BLOB NOT NULL,
    event_position   INTEGER NOT NULL REFERENCES events (position),
    endpoint_id      BLOB NOT NULL REFERENCES endpoints (id),
    trigger          TEXT NOT NULL CHECK (trigger IN ('event', 'redelivery', 'replay', 'test')),
    state            TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead', 'cancelled')),
    end_reason       TEXT,
    attempt_count    INTEGER NOT NULL DEFAULT 0 CHECK (attempt_count >= 0),
    first_attempt_at INTEGER,
    created_at       INTEGER NOT NULL,
    due_at           INTEGER,
    lease_token      INTEGER NOT NULL DEFAULT 0 CHECK (lease_token >= 0),
    lease_expires_at INTEGER,
    finished_at      INTEGER,
    CHECK ((state = 'pending') = (due_at IS NOT NULL)),
    CHECK ((state = 'pending') = (finished_at IS NULL)),
    CHECK (state = 'pending' OR lease_expires_at IS NULL),
    CHECK ((attempt_count = 0) = (first_attempt_at IS NULL)),
    CHECK (state <> 'delivered' OR attempt_count > 0),
    CHECK (
        CASE state
            WHEN 'dead' THEN end_reason = 'retention' OR (end_reason = 'schedule_exhausted' AND attempt_count > 0)
            WHEN 'cancelled' THEN end_reason IN ('endpoint_deleted', 'requested')
            ELSE end_reason IS NULL
        END IS TRUE
    )
) STRICT;

-- What may be claimed, by endpoint: a million rows of one dead endpoint are one seek away from the next endpoint's.
CREATE INDEX deliveries_due ON deliveries (endpoint_id, due_at) WHERE state = 'pending' AND lease_expires_at IS NULL;
-- What is under way: small, read by the reclaimer.
CREATE INDEX deliveries_leased ON deliveries (lease_expires_at) WHERE lease_expires_at IS NOT NULL;
CREATE INDEX deliveries_by_event ON deliveries (event_position);

CREATE TABLE attempts (
    delivery_position INTEGER NOT NULL REFERENCES deliveries (position),
    id                BLOB NOT NULL CHECK (length(id) = 16),
    number            INTEGER NOT NULL CHECK (number >= 1),
    outcome           TEXT NOT NULL CHECK (outcome IN ('succeeded', 'http_error', 'timeout', 'unreachable', 'blocked')),
    status_code       INTEGER,
    error             TEXT,
    started_at        INTEGER NOT NULL,
    duration_ms       INTEGER NOT NULL CHECK (duration_ms >= 0),
    response_body     BLOB NOT NULL CHECK (length(response_body) <= 16384),
    PRIMARY KEY (delivery_position, id),
    CHECK ((outcome IN ('succeeded', 'http_error')) = (status_code IS NOT NULL)),
    CHECK ((outcome = 'succeeded') = (status_code IS NOT NULL AND status_code BETWEEN 200 AND 299))
) STRICT, WITHOUT ROWID;
