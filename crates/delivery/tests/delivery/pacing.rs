//! Rate and concurrency of an endpoint, and the bounded release of what it held.

use std::time::Duration;

use ringback_domain::DeliveryRules;
use ringback_store::EndpointChange;
use ringback_testkit::{Gate, Receiver, Reply, World, until};

const SECOND: Duration = Duration::from_secs(1);

/// Turns the clock in tenths of a second until `total` calls have come since there were `before`, which must
/// come as fast as `per_sec` and no faster.
async fn assert_pace(world: &World, receiver: &Receiver, before: usize, per_sec: usize, total: usize) {
    for tenths in 0.. {
        // One may go ahead of its time.
        let most = tenths * per_sec / 10 + 1;
        let least = most.min(total);
        let what = format!("{least} calls after {tenths} tenths of a second");
        until(&what, || async { Some(()).filter(|()| receiver.call_count() - before >= least) }).await;
        settled_calls(world).await;
        let count = receiver.call_count() - before;
        assert!(count <= most, "{count} calls after {tenths} tenths of a second at {per_sec} per second");
        if count >= total {
            return;
        }
        world.advance(SECOND / 10).await;
    }
}

/// Waits until nothing is under way.
async fn settled_calls(world: &World) {
    until("nothing to be under way", || async {
        let backlog = world.store().backlog(world.project).await.unwrap();
        Some(()).filter(|()| backlog.in_flight == 0)
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_with_a_rate_gets_no_more_than_that_and_no_less() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let rules = DeliveryRules { max_per_sec: Some(5), ..DeliveryRules::default() };
    world.endpoint_with_rules(&receiver.url(), &["*"], 10, rules).await;
    for n in 0..30 {
        world.dispatch(&format!("wh_{n}"), "batch.completed").await;
    }
    assert_pace(&world, &receiver, 0, 5, 30).await;
}

#[tokio::test]
async fn an_endpoint_with_a_concurrency_gets_no_more_at_once() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let gate = Gate::shut();
    receiver.always(Reply::status(200).behind(&gate));
    let rules = DeliveryRules { max_concurrency: Some(2), ..DeliveryRules::default() };
    world.endpoint_with_rules(&receiver.url(), &["*"], 60, rules).await;
    let mut events = Vec::new();
    for n in 0..20 {
        events.push(world.dispatch(&format!("wh_{n}"), "batch.completed").await);
    }
    receiver.running(2).await;
    world.settled().await;
    gate.open();
    for event in events {
        world.attempted(event, 1).await;
    }
    assert_eq!((receiver.call_count(), receiver.most_running()), (20, 2));
}

#[tokio::test]
async fn what_a_paused_endpoint_held_is_released_at_a_bounded_rate_also_after_a_restart() {
    let world = World::builder().settings(|s| s.release_per_sec = 10).start().await;
    let receiver = Receiver::start().await;
    let endpoint = world.endpoint(&receiver.url(), &["*"]).await;
    let pause = |paused| EndpointChange { paused: Some(paused), ..EndpointChange::default() };
    world.change_endpoint(endpoint.id, pause(true)).await;
    for n in 0..60 {
        world.dispatch(&format!("wh_{n}"), "batch.completed").await;
    }
    world.advance(SECOND * 2).await;
    settled_calls(&world).await;
    assert_eq!(receiver.call_count(), 0, "held");
    world.change_endpoint(endpoint.id, pause(false)).await;
    world.dispatcher().note_due(endpoint.id);
    assert_pace(&world, &receiver, 0, 10, 25).await;
    let world = world.restart().await;
    assert_pace(&world, &receiver, 25, 10, 35).await;
    // Once it is drained there is no bound any more: a look that finds nothing says so.
    let mut sent = 60;
    until("five at once", || {
        let ids = sent..sent + 5;
        sent += 5;
        let (world, receiver) = (&world, &receiver);
        async move {
            world.advance(SECOND).await;
            settled_calls(world).await;
            let before = receiver.call_count();
            for n in ids {
                world.dispatch(&format!("wh_{n}"), "batch.completed").await;
            }
            settled_calls(world).await;
            Some(()).filter(|()| receiver.call_count() == before + 5)
        }
    })
    .await;
}
