//! The rows: Ringback's schema and pragmas, and statements with the same effect as its own.

use std::cell::Cell;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use ringback_webhook::EnvelopeHead;
use rusqlite::{Connection, params};

use crate::clock;

/// The real schema, so that the floor writes exactly the indexes that Ringback writes.
const SCHEMA: &str = concat!(
    include_str!("../../../crates/store/src/sqlite/migrations/V1__initial.sql"),
    include_str!("../../../crates/store/src/sqlite/migrations/V2__projects_keys_publishing.sql"),
    include_str!("../../../crates/store/src/sqlite/migrations/V3__delivery_rules_replays.sql"),
);

/// The one project, source, secret and endpoint.
const ONLY: [u8; 16] = [1; 16];

/// A verified call.
#[derive(Debug)]
pub(crate) struct Arrival {
    webhook_id: String,
    event_type: String,
    upstream_event_id: Option<String>,
    object_id: Option<String>,
    payload: Bytes,
    payload_sha256: [u8; 32],
    received_at: i64,
}

/// What became of an [`Arrival`]; durable.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Appended {
    /// The row of its delivery, if it is new and has one.
    pub(crate) delivery: Option<i64>,
}

/// The end of a delivery's one attempt.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// The delivery's row.
    pub(crate) delivery: i64,
    pub(crate) status: u16,
    pub(crate) response_body: Bytes,
    /// Unix milliseconds.
    pub(crate) started_at: i64,
    pub(crate) duration_ms: u32,
}

/// Makes ids of 16 bytes that increase, as Ringback's do.
#[derive(Debug)]
pub(crate) struct Ids(Cell<u128>);

impl Ids {
    pub(crate) fn new() -> Self {
        Self::made_at(clock::unix_ms())
    }

    /// As if they were made from this time on, in Unix milliseconds.
    pub(crate) fn made_at(unix_ms: i64) -> Self {
        Self(Cell::new(u128::from(unix_ms.unsigned_abs()) << 80))
    }

    pub(crate) fn next(&self) -> [u8; 16] {
        // The step leaves the lowest bits alone, where other makers' ids differ.
        self.0.set(self.0.get() + (1 << 56));
        self.0.get().to_be_bytes()
    }
}

impl Arrival {
    /// From a call's parts.
    pub(crate) fn new(webhook_id: &str, head: EnvelopeHead<'_>, payload: Bytes, received_at: i64) -> Self {
        let sha256 = digest(&SHA256, &payload);
        Self {
            webhook_id: webhook_id.to_owned(),
            event_type: head.event_type.into_owned(),
            upstream_event_id: head.id.map(Into::into),
            object_id: head.object_id.map(Into::into),
            payload_sha256: sha256.as_ref().try_into().expect("SHA-256 has 32 bytes"),
            payload,
            received_at,
        }
    }
}

/// Makes the database.
pub(crate) fn create(path: &Path, delivering: bool) -> rusqlite::Result<Connection> {
    let db = Connection::open(path)?;
    db.pragma_update(None, "journal_mode", "wal")?;
    db.pragma_update(None, "synchronous", "full")?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "trusted_schema", false)?;
    db.pragma_update(None, "wal_autocheckpoint", 4000)?;
    db.pragma_update(None, "cache_size", -32 * 1024)?;
    db.set_prepared_statement_cache_capacity(16);
    db.execute_batch(SCHEMA)?;
    let now = clock::unix_ms();
    db.execute("INSERT INTO projects (id, name, created_at) VALUES (?1, 'default', ?2)", params![ONLY, now])?;
    if delivering {
        db.execute(
            "INSERT INTO endpoints (id, project_id, name, url, event_types, timeout_secs, created_at, updated_at) \
             VALUES (?1, ?1, 'bench', 'http://127.0.0.1/', '*', 10, ?2, ?2)",
            params![ONLY, now],
        )?;
    }
    Ok(db)
}

/// Receipt, webhook id, event, and delivery.
pub(super) fn append(
    tx: &Connection,
    ids: &Ids,
    arrival: &Arrival,
    delivering: bool,
) -> rusqlite::Result<Appended> {
    let new_id = ids.next();
    if !insert_webhook_id(tx, arrival, new_id)? {
        let (event_id, same): ([u8; 16], bool) = tx
            .prepare_cached(
                "SELECT event_id, payload_sha256 = ?3 FROM webhook_ids WHERE source_id = ?1 AND webhook_id = ?2",
            )?
            .query_row(params![ONLY, arrival.webhook_id, arrival.payload_sha256], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        let disposition = if same { "duplicate" } else { "payload_differs" };
        insert_receipt(tx, ids, arrival, event_id, disposition)?;
        return Ok(Appended { delivery: None });
    }
    let event = insert_event(tx, arrival, new_id)?;
    let delivery = if delivering { Some(insert_delivery(tx, ids, arrival, event)?) } else { None };
    insert_receipt(tx, ids, arrival, new_id, "accepted")?;
    Ok(Appended { delivery })
}

fn insert_webhook_id(tx: &Connection, arrival: &Arrival, event_id: [u8; 16]) -> rusqlite::Result<bool> {
    let inserted = tx
        .prepare_cached(
            "INSERT INTO webhook_ids (source_id, webhook_id, project_id, event_id, payload_sha256, first_seen_at) \
             VALUES (?1, ?2, ?1, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        )?
        .execute(params![ONLY, arrival.webhook_id, event_id, arrival.payload_sha256, arrival.received_at])?;
    Ok(inserted == 1)
}

fn insert_event(tx: &Connection, arrival: &Arrival, id: [u8; 16]) -> rusqlite::Result<i64> {
    tx.prepare_cached(
        "INSERT INTO events \
         (id, project_id, source_id, type, webhook_id, upstream_event_id, object_id, created_at, payload) \
         VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .insert(params![
        id,
        ONLY,
        arrival.event_type,
        arrival.webhook_id,
        arrival.upstream_event_id,
        arrival.object_id,
        arrival.received_at,
        arrival.payload.as_ref(),
    ])
}

fn insert_delivery(tx: &Connection, ids: &Ids, arrival: &Arrival, event: i64) -> rusqlite::Result<i64> {
    tx.prepare_cached(
        "INSERT INTO deliveries \
         (id, project_id, event_position, endpoint_id, trigger, state, created_at, due_at) \
         VALUES (?1, ?2, ?3, ?2, 'event', 'pending', ?4, ?4)",
    )?
    .insert(params![ids.next(), ONLY, event, arrival.received_at])
}

fn insert_receipt(
    tx: &Connection,
    ids: &Ids,
    arrival: &Arrival,
    event_id: [u8; 16],
    disposition: &str,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO receipts (id, project_id, source_id, event_id, secret_id, webhook_id, disposition, received_at) \
         VALUES (?1, ?2, ?2, ?3, ?2, ?4, ?5, ?6)",
    )?
    .execute(params![ids.next(), ONLY, event_id, arrival.webhook_id, disposition, arrival.received_at])
    .map(drop)
}

/// The attempt, and its delivery's end; what is not 2xx stays pending for ever, since there are no retries.
pub(super) fn finish(tx: &Connection, ids: &Ids, attempt: &Attempt) -> rusqlite::Result<()> {
    let delivered = (200..300).contains(&attempt.status);
    tx.prepare_cached(
        "INSERT INTO attempts \
         (delivery_position, id, number, outcome, status_code, started_at, duration_ms, response_body) \
         VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        attempt.delivery,
        ids.next(),
        if delivered { "succeeded" } else { "http_error" },
        attempt.status,
        attempt.started_at,
        attempt.duration_ms,
        attempt.response_body.as_ref(),
    ])?;
    if delivered {
        tx.prepare_cached(
            "UPDATE deliveries SET state = 'delivered', due_at = NULL, finished_at = ?2, attempt_count = 1, \
             first_attempt_at = ?3 WHERE position = ?1",
        )?
        .execute(params![attempt.delivery, clock::unix_ms(), attempt.started_at])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(webhook_id: &str, body: &'static str) -> Arrival {
        let head = EnvelopeHead::parse(body.as_bytes()).unwrap();
        Arrival::new(webhook_id, head, Bytes::from_static(body.as_bytes()), 7)
    }

    fn count(db: &Connection, table: &str) -> i64 {
        db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn an_event_is_stored_once_and_every_call_has_its_receipt() {
        let folder = tempfile::tempdir().unwrap();
        let (db, ids) = (create(&folder.path().join("x.db"), true).unwrap(), Ids::new());
        let first = append(&db, &ids, &arrival("wh_1", r#"{"type":"a.b"}"#), true).unwrap();
        assert_eq!(first.delivery, Some(1));
        for body in [r#"{"type":"a.b"}"#, r#"{"type":"a.c"}"#] {
            assert_eq!(append(&db, &ids, &arrival("wh_1", body), true).unwrap().delivery, None);
        }
        let counts = ["webhook_ids", "events", "deliveries", "receipts"].map(|table| count(&db, table));
        assert_eq!(counts, [1, 1, 1, 3]);
        let words: String = db
            .query_row(
                "SELECT group_concat(disposition) FROM (SELECT * FROM receipts ORDER BY id)",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(words, "accepted,duplicate,payload_differs");
    }

    #[test]
    fn an_attempt_ends_its_delivery_if_it_succeeds() {
        let folder = tempfile::tempdir().unwrap();
        let (db, ids) = (create(&folder.path().join("x.db"), true).unwrap(), Ids::new());
        for (id, status) in [("wh_1", 200), ("wh_2", 500)] {
            let delivery =
                append(&db, &ids, &arrival(id, r#"{"type":"a.b"}"#), true).unwrap().delivery.unwrap();
            let attempt =
                Attempt { delivery, status, response_body: Bytes::new(), started_at: 8, duration_ms: 1 };
            finish(&db, &ids, &attempt).unwrap();
        }
        assert_eq!(count(&db, "attempts"), 2);
        assert_eq!(count(&db, "deliveries WHERE state = 'delivered' AND attempt_count = 1"), 1);
        assert_eq!(count(&db, "deliveries WHERE state = 'pending'"), 1);
    }
}
