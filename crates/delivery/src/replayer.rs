//! The replayer: makes the deliveries of replays, each at its rate, and clears up after those that are over.
//!
//! A step is bounded and durable; a replayer that dies between two steps, or in one, leaves the next where it
//! was.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ringback_domain::{Replay, ReplayId, ReplayState, Timestamp};

use crate::deliverer::{Node, log_store_error};
use crate::pace::{Let, Pace};

/// The longest pause between two rounds while something is at work.
const BETWEEN_ROUNDS: Duration = Duration::from_millis(200);
/// The shortest.
const LEAST_PAUSE: Duration = Duration::from_millis(10);
/// How many deliveries one step makes at most.
const STEP: usize = 200;
/// How many deliveries one step cancels at most.
const CLEAR_STEP: usize = 1000;

/// Runs until the node stops.
pub(crate) async fn run(node: Arc<Node>) {
    let mut paces: HashMap<ReplayId, Pace> = HashMap::new();
    while !node.stop.is_cancelled() {
        // Register for the bell before looking, so that nothing noted meanwhile is missed.
        let rung = node.replay_bell.notified();
        let at_work = match node.store.replays_at_work().await {
            Ok(replays) => replays,
            Err(error) => {
                log_store_error(&error, "cannot look for replays");
                Vec::new()
            }
        };
        paces.retain(|id, _| at_work.iter().any(|replay| replay.id == *id));
        let pause = if at_work.is_empty() { node.settings.replay_scan_interval } else { BETWEEN_ROUNDS };
        let mut next_round = node.clock.now().plus(pause);
        for replay in &at_work {
            if replay.state == ReplayState::Running {
                let again_at = advance(&node, replay, paces.entry(replay.id).or_default()).await;
                next_round = next_round.min(again_at);
            } else if !clear(&node, replay).await && replay.state == ReplayState::Cancelled {
                next_round = next_round.min(node.clock.now().plus(LEAST_PAUSE));
            }
        }
        tokio::select! {
            () = node.stop.cancelled() => {}
            () = rung => {}
            () = node.clock.sleep_until(next_round) => {}
        }
    }
}

/// Says whether nothing is left.
async fn clear(node: &Node, replay: &Replay) -> bool {
    match node.store.clear_replay(replay.id, CLEAR_STEP, node.clock.now()).await {
        Ok(nothing_left) => nothing_left,
        Err(error) => {
            log_store_error(&error, "cannot clear up after a replay");
            true
        }
    }
}

/// Says when to go on.
async fn advance(node: &Node, replay: &Replay, pace: &mut Pace) -> Timestamp {
    let now = node.clock.now();
    let Let { count, again_at } = pace.take(replay.rate, STEP, now);
    if count == 0 {
        return again_at;
    }
    match node.store.advance_replay(replay.id, count, now).await {
        Ok(advanced) => {
            pace.give_back(replay.rate, count.saturating_sub(advanced.created));
            // The deliveries of one event stay together, however many they are.
            pace.charge(replay.rate, advanced.created.saturating_sub(count));
            for endpoint_id in &advanced.due {
                node.note_due(*endpoint_id, now);
            }
            if advanced.is_final {
                tracing::info!(project.id = %replay.project_id, replay.id = %replay.id, "replay.ended");
                // It may leave something to be cleared.
                node.replay_bell.notify_one();
            }
        }
        Err(error) => log_store_error(&error, "cannot advance a replay"),
    }
    // Soon again, also where the events that were looked at came to nothing; but not at once where the store
    // is in trouble.
    again_at.max(now.plus(LEAST_PAUSE))
}
