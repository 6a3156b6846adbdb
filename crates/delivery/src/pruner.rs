//! Applies retention, and the operator's hard limit to what retention keeps, in steps so small that none
//! holds up ingest.

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
        // In this sequence: what is given up is looked for among what is left, and can be seen until the next
        // sweep removes it.
        if prune(&node).await {
            give_up(&node).await;
        }
    }
}

/// Says whether nothing is left to be removed.
async fn prune(node: &Node) -> bool {
    let now = node.clock.now();
    let retention = Retention {
        events_before: now.minus(node.settings.event_retention),
        webhook_ids_before: now.minus(node.settings.dedupe_retention.max(MIN_DEDUPE_RETENTION)),
        idempotency_keys_before: now.minus(idempotency::KEPT_FOR),
        limit: STEP,
    };
    loop {
        match node.store.prune(retention).await {
            Ok(0) => return true,
            Ok(_) if node.pause(BETWEEN_STEPS).await => {}
            Ok(_) => return false,
            Err(error) => {
                log_store_error(&error, "cannot apply retention");
                return false;
            }
        }
    }
}

/// Ends what is pending for longer than the operator lets anything be kept.
async fn give_up(node: &Node) {
    let Some(kept_for) = node.settings.pending_retention else { return };
    let now = node.clock.now();
    let mut count = 0;
    loop {
        match node.store.give_up(now, now.minus(kept_for), STEP).await {
            Ok(0) => break,
            Ok(ended) => count += ended,
            Err(error) => {
                log_store_error(&error, "cannot give up what is past the hard limit of retention");
                break;
            }
        }
        if !node.pause(BETWEEN_STEPS).await {
            break;
        }
    }
    if count > 0 {
        tracing::warn!(
            store.given_up = count,
            pending_retention_secs = kept_for.as_secs(),
            "pending deliveries were given up: their events are older than `pending_retention_secs` allows, and are removed next"
        );
    }
}
