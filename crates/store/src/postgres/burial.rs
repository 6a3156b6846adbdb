//! What becomes of a dead node's things: its leases are void, its ownerships and replays are anybody's.
//!
//! A lease whose row somebody is at just now (the dead node itself, stopped in the middle of a transaction,
//! which the server ends after a while) is left for the next time. Until then the node's row stays, marked so
//! that the node, should it come back, knows. For a day people are shown who was buried.

use ringback_domain::EndpointId;

use super::columns::{self, Key, get};
use super::connections::{Connection, Connections};
use super::failure::Failure;
use super::owners::DISOWN;

/// Locks a node's row if its heartbeat is still stale.
const LOCK: &str = "\
    SELECT 1 FROM nodes WHERE id = $1 AND heartbeat_at < clock_timestamp() - make_interval(secs => $2) FOR UPDATE SKIP LOCKED";

/// Frees a node's leases. They are sought among all that are under way, which are few.
pub(super) const FREE: &str = "\
    WITH held AS MATERIALIZED ( \
        SELECT ctid FROM deliveries WHERE lease_expires_at IS NOT NULL AND lease_node = $1 FOR UPDATE SKIP LOCKED \
    ) \
    UPDATE deliveries SET lease_expires_at = NULL, lease_node = NULL WHERE ctid = ANY (ARRAY(SELECT ctid FROM held)) \
    RETURNING endpoint_id";

/// Whether a node has a lease left.
pub(super) const ANY_LEASE: &str =
    "SELECT EXISTS (SELECT 1 FROM deliveries WHERE lease_expires_at IS NOT NULL AND lease_node = $1)";

const FREE_REPLAYS: &str = "UPDATE replays SET runner = NULL WHERE runner = $1";
/// Keeps a dead node's row for display, and deletes those that are older than a day. A row that is marked was
/// kept before.
macro_rules! keep {
    ($which:literal) => {
        concat!(
            "WITH forgotten AS (DELETE FROM dead_nodes WHERE heartbeat_at < clock_timestamp() - interval '1 day') \
             INSERT INTO dead_nodes (id, version, schema_version, started_at, heartbeat_at, clock_ahead_ms, host, process_id) \
             SELECT id, version, schema_version, started_at, heartbeat_at, clock_ahead_ms, host, process_id FROM nodes \
             WHERE heartbeat_at > 'epoch'",
            $which,
            " ON CONFLICT (id) DO NOTHING"
        )
    };
}

const KEEP: &str = keep!(" AND id = $1");
const KEEP_ALL: &str = keep!("");
const REMOVE: &str = "DELETE FROM nodes WHERE id = $1";
/// Its heartbeats fail from now on, so that it registers again.
const MARK: &str = "UPDATE nodes SET heartbeat_at = 'epoch' WHERE id = $1";

/// What was freed.
pub(super) struct Buried {
    /// The endpoint of each delivery.
    pub(super) due: Vec<EndpointId>,
    /// Whether that was all.
    pub(super) whole: bool,
}

/// Buries a node, unless it has come back or another node is at it.
pub(super) async fn bury(
    connections: &Connections,
    dead: Key,
    dead_after_secs: f64,
) -> Result<Option<Buried>, Failure> {
    let tx = connections.write().await?;
    if tx.query_opt(LOCK, &[&dead, &dead_after_secs]).await?.is_none() {
        return Ok(None);
    }
    // First of all, and locked by each claim of an owner: so whatever it has claimed is seen by what comes
    // next.
    tx.execute(DISOWN, &[&dead]).await?;
    let rows = tx.query(FREE, &[&dead]).await?;
    let due = rows.iter().map(|row| columns::id(row, 0)).collect::<Result<Vec<EndpointId>, _>>()?;
    tx.execute(FREE_REPLAYS, &[&dead]).await?;
    let whole = !get::<bool>(&tx.query_one(ANY_LEASE, &[&dead]).await?, 0)?;
    tx.execute(KEEP, &[&dead]).await?;
    tx.execute(if whole { REMOVE } else { MARK }, &[&dead]).await?;
    tx.commit().await?;
    Ok(Some(Buried { due, whole }))
}

/// Removes all nodes, since none lives; says how many leases that freed.
pub(super) async fn bury_all(tx: &Connection) -> Result<u64, Failure> {
    tx.execute(KEEP_ALL, &[]).await?;
    tx.execute("DELETE FROM nodes", &[]).await?;
    tx.execute("UPDATE replays SET runner = NULL WHERE runner IS NOT NULL", &[]).await?;
    let free =
        "UPDATE deliveries SET lease_expires_at = NULL, lease_node = NULL WHERE lease_expires_at IS NOT NULL";
    tx.execute(free, &[]).await
}
