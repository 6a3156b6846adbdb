//! The history on SQLite: in large transactions, past a store that is closed.

use std::path::Path;

use rusqlite::{Connection, Statement, params};

use super::occurrence::{ATTEMPT_MS, Occurrence, Occurrences};
use super::progress::Progress;
use crate::bulk;
use crate::failure::Failure;
use crate::subject::DATABASE_FILE;

/// Events in one transaction.
const AT_ONCE: usize = 200_000;
/// The memory for pages.
const CACHE_MIB: i64 = 2048;

/// Writes all of it, and makes it durable.
pub(super) fn fill(folder: &Path, occurrences: Occurrences, progress: &Progress) -> Result<(), Failure> {
    let mut db = bulk::open(&folder.join(DATABASE_FILE), CACHE_MIB)?;
    let mut occurrences = occurrences.peekable();
    while occurrences.peek().is_some() {
        let tx = db.transaction()?;
        let mut statements = Statements::prepare(&tx)?;
        let mut count = 0;
        for occurrence in occurrences.by_ref().take(AT_ONCE) {
            statements.insert(&occurrence)?;
            count += 1;
        }
        drop(statements);
        tx.commit()?;
        progress.advance(count);
    }
    Ok(bulk::close(&db)?)
}

/// One for each table. They name their columns: newer ones have defaults.
struct Statements<'db> {
    webhook_id: Statement<'db>,
    event: Statement<'db>,
    receipt: Statement<'db>,
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
                "INSERT INTO events \
                 (id, project_id, source_id, type, webhook_id, upstream_event_id, object_id, created_at, payload) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?,
            receipt: db.prepare(
                "INSERT INTO receipts \
                 (id, project_id, source_id, event_id, secret_id, webhook_id, disposition, received_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'accepted', ?7)",
            )?,
            delivery: db.prepare(
                "INSERT INTO deliveries \
                 (id, project_id, event_position, endpoint_id, trigger, state, attempt_count, first_attempt_at, created_at, \
                  due_at, finished_at) \
                 VALUES (?1, ?2, ?3, ?4, 'event', ?5, ?6, ?7, ?8, ?9, ?10)",
            )?,
            attempt: db.prepare(
                "INSERT INTO attempts \
                 (delivery_position, id, number, outcome, status_code, started_at, duration_ms, response_body) \
                 VALUES (?1, ?2, 1, 'succeeded', 200, ?3, ?4, x'')",
            )?,
        })
    }

    fn insert(&mut self, of: &Occurrence) -> rusqlite::Result<()> {
        let (owner, at) = (&of.owner, of.created_at);
        self.webhook_id.execute(params![
            owner.source,
            of.webhook_id,
            owner.project,
            of.event,
            of.payload_sha256,
            at
        ])?;
        let event = self.event.insert(params![
            of.event,
            owner.project,
            owner.source,
            of.event_type,
            of.webhook_id,
            of.upstream_event_id,
            of.object_id,
            at,
            of.payload
        ])?;
        self.receipt.execute(params![
            of.receipt,
            owner.project,
            owner.source,
            of.event,
            owner.secret,
            of.webhook_id,
            at
        ])?;
        let done = (!of.is_pending).then_some(at);
        let delivery = self.delivery.insert(params![
            of.delivery,
            owner.project,
            event,
            owner.endpoint,
            if of.is_pending { "pending" } else { "delivered" },
            u8::from(!of.is_pending),
            done,
            at,
            of.is_pending.then_some(at),
            done.map(|begun| begun + ATTEMPT_MS)
        ])?;
        if let Some(begun) = done {
            self.attempt.execute(params![delivery, of.attempt, begun, ATTEMPT_MS])?;
        }
        Ok(())
    }
}
