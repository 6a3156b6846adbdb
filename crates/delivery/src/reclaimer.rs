//! Frees rows whose lease ran out: their holder died, or gave up.

use std::sync::Arc;

use crate::deliverer::{Node, log_store_error};

/// Runs until the node stops. What it frees is found by the deliverer's next scan.
pub(crate) async fn run(node: Arc<Node>) {
    while node.pause(node.settings.reclaim_interval).await {
        match node.store.reclaim(node.clock.now()).await {
            Ok(0) => {}
            Ok(count) => {
                tracing::info!(store.reclaimed = count, "leases ran out; their deliveries are due again");
            }
            Err(error) => log_store_error(&error, "cannot reclaim expired leases"),
        }
    }
}
