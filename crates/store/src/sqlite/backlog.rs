//! How much work waits, and how much was given up.

use ringback_domain::{ProjectId, TypedId};
use rusqlite::Connection;

use crate::query::Backlog;

/// Counts what waits for its time, endpoint by endpoint; `CROSS JOIN` keeps SQLite to that order of tables.
pub(super) const PENDING: &str = "\
    SELECT count(*) FROM endpoints AS e \
    CROSS JOIN deliveries AS d INDEXED BY deliveries_due ON d.endpoint_id = e.id \
    WHERE e.project_id = ?1 AND d.due_at IS NOT NULL AND d.lease_expires_at IS NULL";

/// Counts what waits for others, in the same way.
pub(super) const WAITING: &str = "\
    SELECT count(*) FROM endpoints AS e \
    CROSS JOIN deliveries AS d INDEXED BY deliveries_ordered ON d.endpoint_id = e.id \
    WHERE e.project_id = ?1 AND d.order_key IS NOT NULL AND d.finished_at IS NULL AND d.due_at IS NULL";

/// Counts what is under a lease.
pub(super) const IN_FLIGHT: &str = "\
    SELECT count(*) FROM deliveries INDEXED BY deliveries_leased \
    WHERE lease_expires_at IS NOT NULL AND project_id = ?1";

/// Counts what was given up.
pub(super) const DEAD: &str = "\
    SELECT count(*) FROM deliveries INDEXED BY deliveries_unsettled \
    WHERE project_id = ?1 AND state = 'dead' AND state <> 'delivered'";

/// Counts over the partial indexes: the cost is what waits and what is dead, not what has ever been.
pub(super) fn backlog(db: &Connection, project_id: ProjectId) -> rusqlite::Result<Backlog> {
    let count = |sql: &str| -> rusqlite::Result<u64> {
        db.prepare_cached(sql)?.query_row([project_id.to_bytes()], |row| row.get(0))
    };
    Ok(Backlog {
        pending: count(PENDING)? + count(WAITING)?,
        in_flight: count(IN_FLIGHT)?,
        dead: count(DEAD)?,
    })
}
