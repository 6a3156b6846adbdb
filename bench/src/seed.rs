//! A backlog put into Ringback's database while it is down: deliveries of one endpoint that have failed once
//! and wait.
//!
//! The rows are those that publishing the events and one refused attempt each would have left. A quarter of
//! them is overdue, as after a day on which Ringback was down; the others fall due over the next three days.
//! Neighbours in time are not neighbours in the tables, so that claiming them reads pages from everywhere.

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use rusqlite::{Connection, Statement, params};

use crate::bare::Ids;
use crate::bulk;
use crate::clock;
use crate::ledger::CallId;

/// The type of the events.
pub(crate) const EVENT_TYPE: &str = "load.backlog";
/// The window of their ids, which no window of a run has.
const WINDOW: u32 = 0;

/// The memory for pages meanwhile.
const CACHE_MIB: i64 = 512;
const HOUR_MS: i64 = 3_600_000;
/// How long ago all of them were published, and attempted. The first of them fell due at once.
const AGE_MS: i64 = 24 * HOUR_MS;
/// How far ahead the last of them is due.
const AHEAD_MS: i64 = 72 * HOUR_MS;
/// Neighbours in the tables are so many places apart in time. A prime: every row has a place of its own,
/// unless it divides their number.
const STRIDE: i64 = 611_953;

/// What has become of a backlog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Aftermath {
    /// Rows there were.
    pub(crate) seeded: u32,
    /// Those of them that are pending still.
    pub(crate) pending: u32,
    /// Attempts made since.
    pub(crate) attempts: u32,
}

/// Whose events they are, and for whom.
struct Owner {
    project: [u8; 16],
    source: [u8; 16],
    endpoint: [u8; 16],
}

/// Puts `count` pending deliveries of the endpoint with this name into a database that nobody has open, and
/// makes them durable.
pub(crate) fn fill(database: &Path, endpoint: &str, count: u32) -> rusqlite::Result<()> {
    let mut db = bulk::open(database, CACHE_MIB)?;
    let tx = db.transaction()?;
    let owner = owner(&tx, endpoint)?;
    insert(&tx, &owner, count)?;
    tx.commit()?;
    bulk::close(&db)
}

/// What is left of the backlog in a database that nobody has open.
pub(crate) fn aftermath(database: &Path, endpoint: &str, seeded: u32) -> rusqlite::Result<Aftermath> {
    let (pending, attempts) = Connection::open(database)?.query_row(
        "SELECT count(*) FILTER (WHERE d.state = 'pending'), coalesce(sum(d.attempt_count - 1), 0) \
         FROM endpoints AS e JOIN deliveries AS d ON d.endpoint_id = e.id WHERE e.name = ?1",
        [endpoint],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(Aftermath { seeded, pending, attempts })
}

fn owner(db: &Connection, endpoint: &str) -> rusqlite::Result<Owner> {
    let sql = "SELECT e.project_id, s.id, e.id FROM endpoints AS e \
               JOIN sources AS s ON s.project_id = e.project_id AND s.kind = 'publish' WHERE e.name = ?1";
    db.query_row(sql, [endpoint], |row| {
        Ok(Owner { project: row.get(0)?, source: row.get(1)?, endpoint: row.get(2)? })
    })
}

fn insert(db: &Connection, owner: &Owner, count: u32) -> rusqlite::Result<()> {
    let now = clock::unix_ms();
    let (begun_at, ids) = (now - AGE_MS, Ids::made_at(now - AGE_MS));
    let mut statements = Statements::prepare(db)?;
    let rows = i64::from(count);
    for index in 0..count {
        let place = i64::from(index) * STRIDE % rows;
        let due_at = begun_at + (AGE_MS + AHEAD_MS) * place / rows;
        statements.insert(owner, &ids, CallId::of(WINDOW, index), begun_at, due_at)?;
    }
    Ok(())
}

/// One for each table. They name their columns: newer ones have defaults.
struct Statements<'db> {
    webhook_id: Statement<'db>,
    event: Statement<'db>,
    delivery: Statement<'db>,
    attempt: Statement<'db>,
}

impl<'db> Statements<'db> {
    fn prepare(db: &'db Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            webhook_id: db.prepare(
                "INSERT INTO webhook_ids (source_id, webhook_id, project_id, event_id, payload_sha256, first_seen_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?,
            event: db.prepare(
                "INSERT INTO events (id, project_id, source_id, type, webhook_id, created_at, payload) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?,
            delivery: db.prepare(
                "INSERT INTO deliveries \
                 (id, project_id, event_position, endpoint_id, trigger, state, attempt_count, first_attempt_at, \
                  created_at, due_at) \
                 VALUES (?1, ?2, ?3, ?4, 'event', 'pending', 1, ?5, ?5, ?6)",
            )?,
            attempt: db.prepare(
                "INSERT INTO attempts \
                 (delivery_position, id, number, outcome, error, started_at, duration_ms, response_body) \
                 VALUES (?1, ?2, 1, 'unreachable', 'the connection was refused', ?3, 0, x'')",
            )?,
        })
    }

    fn insert(
        &mut self,
        owner: &Owner,
        ids: &Ids,
        call: CallId,
        begun_at: i64,
        due_at: i64,
    ) -> rusqlite::Result<()> {
        let Owner { project, source, endpoint } = owner;
        let (event_id, webhook_id, payload) = (ids.next(), call.webhook_id(), call.body_of(EVENT_TYPE));
        let sha256 = digest(&SHA256, &payload);
        self.webhook_id.execute(params![source, webhook_id, project, event_id, sha256.as_ref(), begun_at])?;
        let payload = payload.as_ref();
        let event = self
            .event
            .insert(params![event_id, project, source, EVENT_TYPE, webhook_id, begun_at, payload])?;
        let delivery =
            self.delivery.insert(params![ids.next(), project, event, endpoint, begun_at, due_at])?;
        self.attempt.execute(params![delivery, ids.next(), begun_at]).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bare;

    fn count(db: &Connection, of: &str) -> u32 {
        db.query_row(&format!("SELECT count(*) FROM {of}"), [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_backlog_is_whole_and_what_becomes_of_it_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let db = bare::create(&path, true).unwrap();
        db.execute(
            "INSERT INTO sources (id, project_id, name, kind, status, created_at, updated_at) \
             SELECT zeroblob(16), id, 'publish', 'publish', 'active', 0, 0 FROM projects",
            [],
        )
        .unwrap();
        drop(db);

        fill(&path, "bench", 100).unwrap();
        let db = Connection::open(&path).unwrap();
        let counts = ["webhook_ids", "events", "deliveries", "attempts"].map(|table| count(&db, table));
        assert_eq!(counts, [100; 4]);
        assert_eq!(count(&db, "(SELECT DISTINCT due_at FROM deliveries)"), 100);
        assert_eq!(count(&db, &format!("deliveries WHERE due_at < {}", clock::unix_ms() - 1000)), 25);
        assert_eq!(count(&db, "pragma_foreign_key_check"), 0);

        db.execute("UPDATE deliveries SET attempt_count = 3 WHERE position = 1", []).unwrap();
        db.execute(
            "UPDATE deliveries SET state = 'delivered', due_at = NULL, finished_at = 0, attempt_count = 2 \
             WHERE position = 2",
            [],
        )
        .unwrap();
        drop(db);
        let left = aftermath(&path, "bench", 100).unwrap();
        assert_eq!(left, Aftermath { seeded: 100, pending: 99, attempts: 3 });
    }
}
