//! Days in seconds: the clock is turned from one due time to the next, as far as there is one.

use std::time::Duration;

use ringback_delivery::BreakerState;
use ringback_domain::{Clock, EndpointId, Timestamp};
use ringback_testkit::World;

/// How often it is looked whether everything that is due has been done.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// When something happens by itself: it is due and nothing holds it back, or an open breaker lets a probe
/// through.
async fn upcoming(world: &World) -> Vec<(Timestamp, EndpointId)> {
    let now = world.clock.now();
    let config = world.store().config();
    let due = world.store().due_endpoints().await.expect("a healthy store says what is due");
    let mut upcoming = Vec::new();
    for due in due {
        let Some(endpoint) = config.endpoint(due.endpoint_id).filter(|endpoint| endpoint.may_attempt())
        else {
            continue;
        };
        let breaker = world.dispatcher().breaker(endpoint.id);
        let at = match breaker.state {
            BreakerState::Open => due.due_at.max(breaker.probe_at.unwrap_or(now)),
            _ => due.due_at,
        };
        upcoming.push((at, endpoint.id));
    }
    upcoming
}

/// Waits until what is due has been attempted and recorded.
///
/// # Panics
/// When that takes longer than a minute of real time.
pub(crate) async fn quiet(world: &World) {
    let done = async {
        loop {
            let now = world.clock.now();
            let mut waits = upcoming(world).await;
            waits.retain(|(at, _)| *at <= now);
            // In this order: what is claimed between the two is seen by one of them.
            let backlog = world.store().backlog(world.project).await.expect("a healthy store counts");
            if backlog.in_flight == 0 && waits.is_empty() {
                return;
            }
            for (_, endpoint_id) in waits {
                // What only a scan would find (it was given back) is found by one within a second, but the
                // clock stands still.
                world.dispatcher().note_due(endpoint_id);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    if tokio::time::timeout(Duration::from_secs(60), done).await.is_err() {
        let due = world.store().due_endpoints().await;
        let backlog = world.store().backlog(world.project).await;
        panic!("what is due is not done within a minute: {due:?}, {backlog:?}, now {}", world.clock.now());
    }
}

/// Lets time pass until `end`, stopping at everything that happens by itself.
pub(crate) async fn run_until(world: &World, end: Timestamp) {
    loop {
        quiet(world).await;
        let now = world.clock.now();
        let next = upcoming(world).await.into_iter().map(|(at, _)| at.min(end)).min().unwrap_or(end);
        if next <= now {
            if now >= end {
                return;
            }
            continue;
        }
        world.advance(next.since(now)).await;
    }
}
