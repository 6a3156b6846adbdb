//! How much work waits, and how much was given up.

use ringback_domain::ProjectId;

use super::columns::{self, key};
use super::connections::Connection;
use super::failure::Failure;
use crate::query::Backlog;

/// Counts what waits for its time, what waits for others, endpoint by endpoint, what is under a lease and
/// what was given up: over the partial indexes, so that the cost is what waits and what is dead, not what has
/// ever been.
pub(super) const COUNT: &str = "\
    SELECT (SELECT count(*) FROM endpoints AS e, LATERAL ( \
                SELECT 1 FROM deliveries AS d \
                WHERE d.endpoint_id = e.id AND d.due_at IS NOT NULL AND d.lease_expires_at IS NULL OFFSET 0) AS due \
            WHERE e.project_id = $1) \
         + (SELECT count(*) FROM endpoints AS e, LATERAL ( \
                SELECT 1 FROM deliveries AS d \
                WHERE d.endpoint_id = e.id AND d.order_key IS NOT NULL AND d.finished_at IS NULL AND d.due_at IS NULL \
                OFFSET 0) AS waiting \
            WHERE e.project_id = $1), \
           (SELECT count(*) FROM (SELECT project_id FROM deliveries WHERE lease_expires_at IS NOT NULL OFFSET 0) AS leased \
            WHERE project_id = $1), \
           (SELECT count(*) FROM deliveries WHERE project_id = $1 AND state = 'dead')";

pub(super) async fn backlog(connection: &Connection, project_id: ProjectId) -> Result<Backlog, Failure> {
    let row = connection.query_one(COUNT, &[&key(project_id)]).await?;
    Ok(Backlog {
        pending: columns::number::<i64, u64>(&row, 0)?,
        in_flight: columns::number::<i64, u64>(&row, 1)?,
        dead: columns::number::<i64, u64>(&row, 2)?,
    })
}
