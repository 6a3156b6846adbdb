//! Frees rows whose lease ran out: their holder died, or gave up. Ends those that have grown too old.

use std::sync::Arc;

use crate::deliverer::{Node, log_store_error};

/// How many deliveries one step ends at most.
const EXPIRE_STEP: usize = 500;

/// Runs until the node stops. What it frees is found by the deliverer's next scan.
pub(crate) async fn run(node: Arc<Node>) {
    while node.pause(node.settings.reclaim_interval).await {
        reclaim(&node).await;
        expire(&node).await;
        node.forget_gates();
    }
}

async fn reclaim(node: &Node) {
    match node.store.reclaim(node.clock.now()).await {
        Ok(0) => {}
        Ok(count) => {
            tracing::info!(store.reclaimed = count, "leases ran out; their deliveries are due again");
        }
        Err(error) => log_store_error(&error, "cannot reclaim expired leases"),
    }
}

async fn expire(node: &Node) {
    loop {
        match node.store.expire(node.clock.now(), EXPIRE_STEP).await {
            Ok(0) => return,
            Ok(count) => {
                tracing::info!(store.expired = count, "deliveries grew too old to be attempted");
                if count < EXPIRE_STEP || node.stop.is_cancelled() {
                    return;
                }
            }
            Err(error) => return log_store_error(&error, "cannot end deliveries that are too old"),
        }
    }
}
