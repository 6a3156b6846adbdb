//! Listens to what other nodes tell of due work, so that nobody waits for the next scan.
//!
//! Where there is much to be told of, they say "anywhere", again and again; a look everywhere is dear, so it
//! is made a few times between two scans at most, and once more after the last of them.

use std::sync::Arc;

use tokio::time::{Instant, sleep_until};

use crate::deliverer::Node;

/// How many looks everywhere there are at most for each scan.
const LOOKS_PER_SCAN: u32 = 4;

/// Runs until the node stops.
pub(crate) async fn run(node: Arc<Node>) {
    let between_looks = node.settings.scan_interval / LOOKS_PER_SCAN;
    let (mut looked_at, mut is_asked) = (None::<Instant>, false);
    loop {
        let look_at = looked_at.map_or_else(Instant::now, |at| at + between_looks);
        tokio::select! {
            () = node.stop.cancelled() => return,
            endpoints = node.store.heard_due() => {
                // A replay may be anybody's, too.
                if endpoints.is_empty() {
                    node.replay_bell.notify_one();
                    is_asked = true;
                }
                let now = node.clock.now();
                endpoints.into_iter().for_each(|endpoint_id| node.note_due(endpoint_id, now));
            }
            () = sleep_until(look_at), if is_asked => {
                is_asked = false;
                looked_at = Some(Instant::now());
                node.look_everywhere().await;
            }
        }
    }
}
