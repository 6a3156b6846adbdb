-- Run with foreign keys off, as SQLite's documentation of ALTER TABLE advises for tables that are made anew; they are checked
-- as a whole at the end.

ALTER TABLE projects ADD COLUMN archived_at INTEGER;

CREATE TABLE api_keys (
    id           BLOB PRIMARY KEY CHECK (length(id) = 16),
    project_id   BLOB NOT NULL REFERENCES projects (id),
    name         TEXT NOT NULL,
    hint         TEXT NOT NULL,
    key_sha256   BLOB NOT NULL UNIQUE CHECK (length(key_sha256) = 32),
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;

-- Sources without an ingest URL: one of kind `publish` for each project.
CREATE TABLE new_sources (
    id         BLOB PRIMARY KEY CHECK (length(id) = 16),
    project_id BLOB NOT NULL REFERENCES projects (id),
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('openai', 'standard_webhooks', 'publish')),
    status     TEXT NOT NULL CHECK (status IN ('active', 'archived')),
    -- what to do with a call whose signature is right and whose timestamp is too old
    stale_policy TEXT NOT NULL DEFAULT 'reject' CHECK (stale_policy IN ('reject', 'admit')),
    token      TEXT UNIQUE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    CHECK ((kind = 'publish') = (token IS NULL))
) STRICT, WITHOUT ROWID;

INSERT INTO new_sources (id, project_id, name, kind, status, stale_policy, token, created_at, updated_at, deleted_at)
SELECT id, project_id, name, kind, status, stale_policy, token, created_at, updated_at, deleted_at FROM sources;
DROP TABLE sources;
ALTER TABLE new_sources RENAME TO sources;
CREATE UNIQUE INDEX sources_publish ON sources (project_id) WHERE kind = 'publish';

ALTER TABLE endpoints ADD COLUMN description TEXT;
-- statuses joined by one space
ALTER TABLE endpoints ADD COLUMN no_retry_statuses TEXT NOT NULL DEFAULT '';
-- JSON, encrypted: {"headers": [[name, value]], "authentication": …}; null when there is neither
ALTER TABLE endpoints ADD COLUMN extras BLOB;

-- Types that an endpoint may name although nothing has sent them yet.
CREATE TABLE event_types (
    project_id BLOB NOT NULL REFERENCES projects (id),
    name       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, name)
) STRICT, WITHOUT ROWID;

-- The first answer to a request that may be repeated. Without an answer: under way, or its process died.
CREATE TABLE idempotency_keys (
    project_id     BLOB NOT NULL,
    -- who asks, method and path, with blanks between
    route          TEXT NOT NULL,
    key            TEXT NOT NULL,
    request_sha256 BLOB NOT NULL CHECK (length(request_sha256) = 32),
    created_at     INTEGER NOT NULL,
    -- drawn at its first beginning
    nonce          BLOB NOT NULL CHECK (length(nonce) = 16),
    -- of the process that runs it
    run_id         BLOB NOT NULL CHECK (length(run_id) = 16),
    status_code    INTEGER CHECK (status_code BETWEEN 200 AND 599),
    -- encrypted
    answer         BLOB,
    PRIMARY KEY (project_id, route, key),
    CHECK ((status_code IS NULL) = (answer IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- One more reason for which a delivery is dead.
CREATE TABLE new_deliveries (
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
            WHEN 'dead' THEN
                end_reason = 'retention'
                OR (end_reason IN ('schedule_exhausted', 'no_retry_status') AND attempt_count > 0)
            WHEN 'cancelled' THEN end_reason IN ('endpoint_deleted', 'requested')
            ELSE end_reason IS NULL
        END IS TRUE
    )
) STRICT;

INSERT INTO new_deliveries
    (position, id, project_id, event_position, endpoint_id, trigger, state, end_reason, attempt_count, first_attempt_at,
     created_at, due_at, lease_token, lease_expires_at, finished_at)
SELECT position, id, project_id, event_position, endpoint_id, trigger, state, end_reason, attempt_count, first_attempt_at,
       created_at, due_at, lease_token, lease_expires_at, finished_at
FROM deliveries;
DROP TABLE deliveries;
ALTER TABLE new_deliveries RENAME TO deliveries;

-- What may be claimed, by endpoint: a million rows of one dead endpoint are one seek away from the next endpoint's.
CREATE INDEX deliveries_due ON deliveries (endpoint_id, due_at) WHERE state = 'pending' AND lease_expires_at IS NULL;
-- What is under way: small, read by the reclaimer.
CREATE INDEX deliveries_leased ON deliveries (lease_expires_at) WHERE lease_expires_at IS NOT NULL;
CREATE INDEX deliveries_by_event ON deliveries (event_position);

-- Nothing of this happens unless every reference still leads to a row.
CREATE TEMPORARY TABLE dangling (
    row_count INTEGER NOT NULL CONSTRAINT "every reference leads to a row" CHECK (row_count = 0)
) STRICT;
INSERT INTO dangling SELECT count(*) FROM pragma_foreign_key_check;
DROP TABLE dangling;
