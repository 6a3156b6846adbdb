//! Delivery end to end but for the HTTP server: a real database, real sockets, and time that the tests turn.
//!
//! What is awaited is always the thing itself, a call at the receiver or a row in the store, never a span of
//! time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod abandoned;
mod ageing;
mod attempt;
mod breaker;
mod course;
mod drain;
mod endpoints;
mod health;
mod lifecycle;
mod nothing_starves;
mod order;
mod outcomes;
mod pacing;
mod receiver_faults;
mod replays;
mod restart;
mod retention;
mod schedule;
mod seventy_two_hours;
mod slots;
mod store_faults;
mod unreachable;

use ringback_domain::Attempt;
use ringback_store::{Appended, Arrival, DeliveryDetail, EventDetail, NewEvent, Plan};
use ringback_testkit::World;

/// The only delivery of an event.
fn only(detail: &EventDetail) -> &DeliveryDetail {
    let [only] = detail.deliveries.as_slice() else {
        panic!("one delivery was expected, not {}", detail.deliveries.len())
    };
    only
}

/// The only attempt of the only delivery of an event.
fn only_attempt(detail: &EventDetail) -> &Attempt {
    let [only] = only(detail).attempts.as_slice() else {
        panic!("one attempt was expected, not {}", only(detail).attempts.len())
    };
    only
}

/// Appends an event past the world's own dispatcher, so that its deliverer is told nothing; planned for
/// nobody by a configuration of this generation.
async fn append_untold(world: &World, webhook_id: &str, generation: u64) -> Appended {
    let event = world.event(webhook_id, "batch.completed", "{}");
    let arrival = Arrival {
        project_id: event.project_id,
        source_id: event.source_id,
        receipt: None,
        received_at: event.received_at,
        event: NewEvent {
            id: world.id(),
            event_type: event.event_type,
            webhook_id: event.webhook_id,
            upstream_event_id: None,
            object_id: None,
            max_age: None,
            payload: event.payload,
            payload_sha256: event.payload_sha256,
        },
        plan: Plan::Route { generation, deliveries: Vec::new() },
    };
    world.store().append(arrival).await.expect("a healthy store takes an event")
}

/// The generation of the configuration that the world's project has now.
fn generation(world: &World) -> u64 {
    world.store().config().project(world.project).expect("the project is there").generation
}
