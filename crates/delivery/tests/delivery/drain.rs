//! A clean stop: what runs is finished and recorded, nothing new begins.

use std::time::Duration;

use ringback_domain::EventState;
use ringback_testkit::{Gate, PATIENCE, Receiver, Reply, World, within};
use tokio::task::JoinSet;

use crate::only;

#[tokio::test]
async fn running_attempts_are_recorded_and_nothing_new_begins() {
    let world = World::builder().settings(|s| s.max_in_flight_per_endpoint = 1).start().await;
    let receiver = Receiver::start().await;
    let gate = Gate::shut();
    receiver.always(Reply::status(200).behind(&gate));
    world.endpoint_with_timeout(&receiver.url(), &["batch.completed"], 60).await;
    let idle = Receiver::start().await;
    world.endpoint(&idle.url(), &["batch.failed"]).await;
    let running = world.dispatch("wh_1", "batch.completed").await;
    receiver.running(1).await;
    let waiting = world.dispatch("wh_2", "batch.completed").await;

    let mut draining = JoinSet::new();
    draining.spawn(world.drain(PATIENCE));
    // Deliverer, reclaimer and pruner have ended; the attempt still runs.
    world.clock.deserted().await;
    assert!(draining.try_join_next().is_none());
    let late = world.dispatch("wh_3", "batch.failed").await;
    gate.open();
    let in_time = within("the drain", draining.join_next()).await.unwrap().unwrap();

    assert!(in_time);
    assert_eq!(world.detail(running).await.event.state, EventState::Delivered);
    for id in [waiting, late] {
        let detail = world.detail(id).await;
        assert_eq!(detail.event.state, EventState::Pending);
        assert!(!only(&detail).delivery.in_flight, "it waits in no lease, for the next start");
    }
    assert_eq!((receiver.call_count(), idle.call_count()), (1, 0));

    let world = world.restart().await;
    for id in [waiting, late] {
        assert_eq!(world.attempted(id, 1).await.event.state, EventState::Delivered);
    }
}

#[tokio::test]
async fn a_drain_does_not_wait_longer_than_it_may() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.always(Reply::hang());
    world.endpoint_with_timeout(&receiver.url(), &["*"], 60).await;
    world.dispatch("wh_1", "batch.completed").await;
    receiver.running(1).await;

    assert!(!within("the drain's bound", world.drain(Duration::from_millis(50))).await);
}
