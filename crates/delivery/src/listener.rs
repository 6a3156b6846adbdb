//! Listens to what other nodes tell of due work, so that nobody waits for the next scan.

use std::sync::Arc;

use crate::deliverer::Node;

/// Runs until the node stops.
pub(crate) async fn run(node: Arc<Node>) {
    loop {
        let endpoints = tokio::select! {
            () = node.stop.cancelled() => return,
            endpoints = node.store.heard_due() => endpoints,
        };
        if endpoints.is_empty() {
            // A replay may be anybody's, too.
            node.replay_bell.notify_one();
            node.look_everywhere().await;
        } else {
            let now = node.clock.now();
            endpoints.into_iter().for_each(|endpoint_id| node.note_due(endpoint_id, now));
        }
    }
}
