//! Applies retention, in steps so small that none holds up ingest.

use std::sync::Arc;
use std::time::Duration;

use ringback_store::{Retention, idempotency};

use crate::deliverer::{Node, log_store_error};
use crate::settings::MIN_DEDUPE_RETENTION;

/// Rows of each kind that one step removes at most.
const STEP: usize = 200;
/// The pause between two steps of one sweep.
const BETWEEN_STEPS: Duration = Duration::from_millis(50);

/// Runs until the node stops.
pub(crate) async fn run(node: Arc<Node>) {
    while node.pause(node.settings.prune_interval).await {
        sweep(&node).await;
    }
}

async fn sweep(node: &Node) {
    let now = node.clock.now();
    let retention = Retention {
        events_before: now.minus(node.settings.event_retention),
        webhook_ids_before: now.minus(node.settings.dedupe_retention.max(MIN_DEDUPE_RETENTION)),
        idempotency_keys_before: now.minus(idempotency::KEPT_FOR),
        limit: STEP,
    };
    loop {
        match node.store.prune(retention).await {
            Ok(0) => return,
            Ok(_) if node.pause(BETWEEN_STEPS).await => {}
            Ok(_) => return,
            Err(error) => return log_store_error(&error, "cannot apply retention"),
        }
    }
}
