-- Run with foreign keys off; they are checked as a whole at the end.

-- What an endpoint asks of its deliveries.
-- seconds joined by one space; null is the usual schedule, empty is one attempt
ALTER TABLE endpoints ADD COLUMN retry_delays TEXT;
ALTER TABLE endpoints ADD COLUMN max_per_sec INTEGER CHECK (max_per_sec > 0);
ALTER TABLE endpoints ADD COLUMN max_concurrency INTEGER CHECK (max_concurrency > 0);
ALTER TABLE endpoints ADD COLUMN ordering TEXT NOT NULL DEFAULT 'none' CHECK (ordering IN ('none', 'object'));
ALTER TABLE endpoints ADD COLUMN ordering_wait_secs INTEGER NOT NULL DEFAULT 3600 CHECK (ordering_wait_secs > 0);
ALTER TABLE endpoints ADD COLUMN max_age_secs INTEGER CHECK (max_age_secs > 0);
ALTER TABLE endpoints ADD COLUMN resumed_at INTEGER;
-- since when it fails everything
ALTER TABLE endpoints ADD COLUMN failing_since INTEGER;
ALTER TABLE endpoints ADD COLUMN last_failed_at INTEGER;
ALTER TABLE endpoints ADD COLUMN warned_at INTEGER;
-- the replay that it was made for, as its other URL
ALTER TABLE endpoints ADD COLUMN replay_id BLOB CHECK (length(replay_id) = 16);

-- How old an event of this type may be when it is attempted; 0 is no limit, null is the catalogue's.
ALTER TABLE event_types ADD COLUMN max_age_secs INTEGER CHECK (max_age_secs >= 0);

CREATE TABLE replays (
    id                  BLOB PRIMARY KEY CHECK (length(id) = 16),
    project_id          BLOB NOT NULL REFERENCES projects (id),
    -- the query
    endpoint_id         BLOB,
    source_id           BLOB,
    type                TEXT,
    object_id           TEXT,
    event_state         TEXT CHECK (event_state IN ('pending', 'delivered', 'dead', 'cancelled', 'missed')),
    created_after       INTEGER,
    created_before      INTEGER,
    -- where to, if not to the endpoints
    target_url          TEXT,
    target_endpoint_id  BLOB,
    rate                INTEGER NOT NULL CHECK (rate > 0),
    state               TEXT NOT NULL CHECK (state IN ('running', 'completed', 'cancelled')),
    expected_count      INTEGER NOT NULL CHECK (expected_count >= 0),
    expected_is_minimum INTEGER NOT NULL CHECK (expected_is_minimum IN (0, 1)),
    created_count       INTEGER NOT NULL DEFAULT 0 CHECK (created_count >= 0),
    -- of the last event that was looked at
    cursor              BLOB CHECK (length(cursor) = 16),
    -- the last event there was when it was made
    until_position      INTEGER NOT NULL,
    -- whether something is left to be done once it is final: pending deliveries to cancel, the other URL's endpoint to delete
    needs_clearing      INTEGER NOT NULL DEFAULT 0 CHECK (needs_clearing IN (0, 1)),
    created_at          INTEGER NOT NULL,
    finished_at         INTEGER,
    end_reason          TEXT CHECK (end_reason IN ('endpoint_deleted', 'requested')),
    CHECK ((state = 'running') = (finished_at IS NULL)),
    CHECK ((state = 'cancelled') = (end_reason IS NOT NULL)),
    CHECK ((target_url IS NULL) = (target_endpoint_id IS NULL)),
    CHECK (needs_clearing = 0 OR state <> 'running')
) STRICT, WITHOUT ROWID;

CREATE INDEX replays_by_project ON replays (project_id, id);
-- Those that the replayer has something to do for.
CREATE INDEX replays_at_work ON replays (id) WHERE state = 'running' OR needs_clearing = 1;

-- Deliveries made anew: order, urgency, age, replays; two more reasons for which one is dead.
CREATE TABLE new_deliveries (
    position         INTEGER PRIMARY KEY,
    id               BLOB NOT NULL CHECK (length(id) = 16),
    project_id       BLOB NOT NULL,
    event_position   INTEGER NOT NULL REFERENCES events (position),
    endpoint_id      BLOB NOT NULL REFERENCES endpoints (id),
    trigger          TEXT NOT NULL CHECK (trigger IN ('event', 'redelivery', 'replay', 'test')),
    state            TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead', 'cancelled')),
    end_reason       TEXT,
    attempt_count    INTEGER NOT NULL DEFAULT 0 CHECK (attempt_count >= 0),
    first_attempt_at INTEGER,
    created_at       INTEGER NOT NULL,
    -- null while it waits for the one before it in its order
    due_at           INTEGER,
    lease_token      INTEGER NOT NULL DEFAULT 0 CHECK (lease_token >= 0),
    lease_expires_at INTEGER,
    finished_at      INTEGER,
    -- 1 goes before 0
    urgent           INTEGER NOT NULL DEFAULT 0 CHECK (urgent IN (0, 1)),
    expires_at       INTEGER,
    -- the object that it is about, if its endpoint wants an object's deliveries in order
    order_key        TEXT,
    replay_id        BLOB CHECK (length(replay_id) = 16),
    UNIQUE (project_id, id),
    CHECK (state = 'pending' OR due_at IS NULL),
    CHECK (state <> 'pending' OR due_at IS NOT NULL OR (order_key IS NOT NULL AND attempt_count = 0)),
    CHECK ((state = 'pending') = (finished_at IS NULL)),
    CHECK (lease_expires_at IS NULL OR due_at IS NOT NULL),
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
) STRICT;

INSERT INTO new_deliveries
    (position, id, project_id, event_position, endpoint_id, trigger, state, end_reason, attempt_count, first_attempt_at,
     created_at, due_at, lease_token, lease_expires_at, finished_at)
SELECT position, id, project_id, event_position, endpoint_id, trigger, state, end_reason, attempt_count, first_attempt_at,
       created_at, due_at, lease_token, lease_expires_at, finished_at
FROM deliveries;
DROP TABLE deliveries;
ALTER TABLE new_deliveries RENAME TO deliveries;

-- What may be claimed, by endpoint, what is urgent first: a million rows of one dead endpoint are one seek away from the next
-- endpoint's.
CREATE INDEX deliveries_due ON deliveries (endpoint_id, urgent DESC, due_at)
    WHERE due_at IS NOT NULL AND lease_expires_at IS NULL;
-- What is under way: small, read by the reclaimer.
CREATE INDEX deliveries_leased ON deliveries (lease_expires_at) WHERE lease_expires_at IS NOT NULL;
CREATE INDEX deliveries_by_event ON deliveries (event_position);
CREATE INDEX deliveries_by_endpoint ON deliveries (endpoint_id, id);
CREATE INDEX deliveries_dead ON deliveries (project_id, id) WHERE state = 'dead';
-- What an order holds: pending deliveries of an object, in the order of their events.
CREATE INDEX deliveries_ordered ON deliveries (endpoint_id, order_key, position)
    WHERE order_key IS NOT NULL AND finished_at IS NULL;
CREATE INDEX deliveries_expiring ON deliveries (expires_at) WHERE expires_at IS NOT NULL AND finished_at IS NULL;
-- What a replay has made: in order, and by how it stands.
CREATE INDEX deliveries_by_replay ON deliveries (replay_id, id) WHERE replay_id IS NOT NULL;
CREATE INDEX deliveries_by_replay_state ON deliveries (replay_id, state, id) WHERE replay_id IS NOT NULL;

-- Nothing of this happens unless every reference still leads to a row.
CREATE TEMPORARY TABLE dangling (
    row_count INTEGER NOT NULL CONSTRAINT "every reference leads to a row" CHECK (row_count = 0)
) STRICT;
INSERT INTO dangling SELECT count(*) FROM pragma_foreign_key_check;
DROP TABLE dangling;
