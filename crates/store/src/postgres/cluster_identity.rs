//! Whether the rows are still in the cluster of servers that they were written in.
//!
//! A replay tells by the transaction's number what had been committed when it was made, and each cluster
//! counts transactions for itself. Rows that came by a dump keep the numbers of another, which may be far
//! ahead: they would seem to be of the future. So a start compares the cluster's identifier with the one that
//! is stored, and if it is another notes up to which position events came with the dump: all of them were
//! committed. A base backup, a standby that was promoted and a copy of the files keep identifier and count.
//!
//! What is *not* guaranteed: that a dump is noticed which is restored under nodes that run, or where the
//! server does not let the role ask for the identifier.

use super::columns::get;
use super::connections::Connection;
use super::failure::Failure;

const MAY_ASK: &str = "SELECT has_function_privilege('pg_control_system()', 'EXECUTE')";

/// Notes where this is. Of no effect if it is known; with what came from elsewhere, if it is another cluster
/// than was known.
const NOTE: &str = "\
    UPDATE cluster_identity AS i SET system_identifier = s.system_identifier, \
        restored_position = CASE WHEN i.system_identifier IS NULL THEN i.restored_position \
                            ELSE (SELECT last_value FROM events_position) END \
    FROM pg_control_system() AS s WHERE i.system_identifier IS DISTINCT FROM s.system_identifier \
    RETURNING i.restored_position";

/// At a start, before anything is written: while no other node changes the configuration.
pub(super) async fn note(tx: &Connection) -> Result<(), Failure> {
    if !get::<bool>(&tx.query_one(MAY_ASK, &[]).await?, 0)? {
        tracing::debug!(
            "the server does not say which cluster this is: a restored dump would not be noticed"
        );
        return Ok(());
    }
    let Some(noted) = tx.query_opt(NOTE, &[]).await? else { return Ok(()) };
    let position: i64 = get(&noted, 0)?;
    if position > 0 {
        tracing::info!(
            store.restored_position = position,
            "the events were written in another cluster of servers: all that are here count as committed"
        );
    }
    Ok(())
}
