//! Deliveries whose endpoint has been deleted.

use ringback_domain::{DeliveryState, EndReason, EndpointId, Timestamp};

use super::columns::{self, key};
use super::connections::Connection;
use super::failure::Failure;

/// Those of the found that are pending still, locked, if the endpoint is deleted.
macro_rules! locked {
    ($found:literal) => {
        concat!(
            "SELECT d.project_id, d.id FROM ",
            $found,
            " AS found JOIN deliveries AS d ON d.project_id = found.project_id AND d.id = found.id \
            WHERE d.finished_at IS NULL \
            AND EXISTS (SELECT 1 FROM endpoints WHERE id = $1 AND deleted_at IS NOT NULL) \
            FOR UPDATE OF d SKIP LOCKED"
        )
    };
}

/// Cancels pending deliveries of a deleted endpoint: those that wait for others, for their time, and those
/// under a lease. In this sequence, because only what is due leads the deliverer to the rest. The last are
/// sought among all that are under way, which are few: the endpoint's own index has its whole history.
///
/// Rows locked by others are left for the next call; if a waiting one is locked, everything that leads to it
/// is left as well, since the other transaction may still roll back.
pub(super) const CANCEL: &str = concat!(
    "WITH waiting AS MATERIALIZED ( \
        SELECT project_id, id FROM deliveries \
        WHERE endpoint_id = $1 AND order_key IS NOT NULL AND finished_at IS NULL AND due_at IS NULL LIMIT $5 \
    ), held AS MATERIALIZED (",
    locked!("waiting"),
    "), leads AS MATERIALIZED ( \
        SELECT project_id, id FROM deliveries \
        WHERE endpoint_id = $1 AND due_at IS NOT NULL AND lease_expires_at IS NULL \
        UNION ALL \
        SELECT project_id, id FROM (SELECT project_id, id, endpoint_id FROM deliveries \
            WHERE lease_expires_at IS NOT NULL OFFSET 0) AS leased WHERE endpoint_id = $1 \
        LIMIT CASE WHEN (SELECT count(*) FROM held) = (SELECT count(*) FROM waiting) \
                   THEN $5 - (SELECT count(*) FROM waiting) ELSE 0 END \
    ), led AS MATERIALIZED (",
    locked!("leads"),
    ") \
    UPDATE deliveries AS d \
    SET state = $3, end_reason = $4, finished_at = $2, due_at = NULL, lease_expires_at = NULL, lease_node = NULL \
    FROM (SELECT * FROM held UNION ALL SELECT * FROM led) AS locked \
    WHERE d.project_id = locked.project_id AND d.id = locked.id"
);

/// Cancels pending deliveries of an endpoint whose row says that it is deleted; of any other, none.
pub(super) async fn cancel(
    tx: &Connection,
    id: EndpointId,
    now: Timestamp,
    limit: usize,
) -> Result<usize, Failure> {
    let (state, reason) = (DeliveryState::Cancelled.as_str(), EndReason::EndpointDeleted.as_str());
    let limit = columns::limit(limit);
    let cancelled = tx.execute(CANCEL, &[&key(id), &now.as_unix_ms(), &state, &reason, &limit]).await?;
    Ok(columns::counted(cancelled))
}
