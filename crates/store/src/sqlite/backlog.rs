//! How much work waits.

use ringback_domain::{ProjectId, TypedId};
use rusqlite::Connection;

use crate::query::Backlog;

/// Counts what waits, endpoint by endpoint; `CROSS JOIN` keeps SQLite to that order of tables.
pub(super) const PENDING: &str = "\
    SELECT count(*) FROM endpoints AS e \
    CROSS JOIN deliveries AS d INDEXED BY deliveries_due ON d.endpoint_id = e.id \
    WHERE e.project_id = ?1 AND d.state = 'pending' AND d.lease_expires_at IS NULL";

/// Counts what is under a lease.
pub(super) const IN_FLIGHT: &str = "\
    SELECT count(*) FROM deliveries INDEXED BY deliveries_leased \
    WHERE lease_expires_at IS NOT NULL AND project_id = ?1";

/// Counts over the two partial indexes: the cost is what waits, not what has ever been.
pub(super) fn backlog(db: &Connection, project_id: ProjectId) -> rusqlite::Result<Backlog> {
    let count = |sql: &str| db.prepare_cached(sql)?.query_row([project_id.to_bytes()], |row| row.get(0));
    Ok(Backlog { pending: count(PENDING)?, in_flight: count(IN_FLIGHT)? })
}
