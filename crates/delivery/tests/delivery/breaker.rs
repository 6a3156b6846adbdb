//! The circuit breaker: a dead endpoint is not hammered, its deliveries are held and none is lost, and it
//! comes back gently.

use std::time::Duration;

use ringback_delivery::BreakerState;
use ringback_domain::EventState;
use ringback_store::EndpointChange;
use ringback_testkit::{Receiver, Reply, START, World};

use crate::course::{quiet, run_until};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_dead_endpoint_is_probed_and_not_hammered() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.always(Reply::status(500));
    let endpoint = world.endpoint(&receiver.url(), &["*"]).await;
    let mut events = Vec::new();
    for n in 0..100 {
        events.push(world.dispatch(&format!("wh_{n}"), "batch.completed").await);
    }
    quiet(&world).await;
    let at_first = receiver.call_count();
    assert!((10..=100).contains(&at_first));
    assert_eq!(world.dispatcher().breaker(endpoint.id).state, BreakerState::Open);

    run_until(&world, START.plus(MINUTE * 60)).await;
    // 5, 10, 20, … 300 s and then every 300 s.
    let probes = receiver.call_count() - at_first;
    assert!((10..=18).contains(&probes), "{probes} probes within an hour");
    assert_eq!(receiver.calls_after(at_first).len(), probes);

    receiver.always(Reply::status(200));
    let recovered_at = receiver.call_count();
    run_until(&world, START.plus(MINUTE * 66)).await;
    let state = world.dispatcher().breaker(endpoint.id).state;
    assert_eq!(state, BreakerState::Closed, "after {} calls", receiver.call_count() - recovered_at);
    run_until(&world, START.plus(MINUTE * 60 * 72)).await;
    for event in events {
        assert_eq!(world.detail(event).await.event.state, EventState::Delivered);
    }
}

#[tokio::test]
async fn what_comes_after_a_successful_probe_comes_few_at_a_time() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.always(Reply::status(500));
    world.endpoint(&receiver.url(), &["*"]).await;
    for n in 0..40 {
        world.dispatch(&format!("wh_{n}"), "batch.completed").await;
    }
    quiet(&world).await;
    let before = receiver.call_count();
    let most_before = receiver.most_running();
    // Slow enough that all that may run at once does.
    receiver.always(Reply::status(200).after(Duration::from_millis(150)));
    world.advance(Duration::from_secs(6)).await;
    quiet(&world).await;
    let after = receiver.calls_after(before);
    assert!(after.len() >= 20, "{} calls", after.len());
    let second = after[1].received.duration_since(after[0].received);
    assert!(second >= Duration::from_millis(150), "the probe is alone");
    let third_and_fourth = after[3].received.duration_since(after[1].received);
    assert!(third_and_fourth >= Duration::from_millis(150), "then two at once: {third_and_fourth:?}");
    assert!(most_before >= 1);
}

#[tokio::test]
async fn another_url_begins_anew() {
    let world = World::start().await;
    let (dead, alive) = (Receiver::start().await, Receiver::start().await);
    dead.always(Reply::reset());
    let endpoint = world.endpoint(&dead.url(), &["*"]).await;
    for n in 0..30 {
        world.dispatch(&format!("wh_{n}"), "batch.completed").await;
    }
    quiet(&world).await;
    assert_eq!(world.dispatcher().breaker(endpoint.id).state, BreakerState::Open);
    let change = EndpointChange { url: Some(alive.url()), ..EndpointChange::default() };
    world.change_endpoint(endpoint.id, change).await;
    let fresh = world.dispatch("wh_fresh", "batch.completed").await;
    world.attempted(fresh, 1).await;
    assert_eq!(world.dispatcher().breaker(endpoint.id).state, BreakerState::Closed);
}
