//! A crash loses nothing: what was leased and what was due is found again in the rows.

use std::time::Duration;

use ringback_domain::EventState;
use ringback_testkit::{Gate, Receiver, Reply, START, World};

use crate::only;

#[tokio::test]
async fn what_was_born_leased_is_delivered_after_a_crash() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.enqueue([Reply::hang()]);
    world.endpoint_with_timeout(&receiver.url(), &["*"], 60).await;
    let id = world.dispatch("wh_1", "batch.completed").await;
    let first = receiver.next().await;
    assert!(only(&world.detail(id).await).delivery.in_flight);

    let world = world.restart().await;
    let second = receiver.next().await;

    assert_eq!(second.webhook_id(), first.webhook_id());
    assert_eq!(second.body, first.body);
    let detail = world.attempted(id, 1).await;
    assert_eq!(detail.event.state, EventState::Delivered);
    assert_eq!(only(&detail).attempts.len(), 1, "of the attempt that was cut off nobody knows the end");
}

#[tokio::test]
async fn what_waits_for_a_slot_is_delivered_after_a_crash() {
    let world = World::builder().settings(|s| s.max_in_flight_per_endpoint = 1).start().await;
    let receiver = Receiver::start().await;
    receiver.enqueue([Reply::hang()]);
    world.endpoint_with_timeout(&receiver.url(), &["*"], 60).await;
    let leased = world.dispatch("wh_1", "batch.completed").await;
    receiver.next().await;
    let due = world.dispatch("wh_2", "batch.completed").await;
    assert!(!only(&world.detail(due).await).delivery.in_flight);

    let world = world.restart().await;
    for id in [leased, due] {
        assert_eq!(world.attempted(id, 1).await.event.state, EventState::Delivered);
    }
}

#[tokio::test]
async fn a_retry_keeps_its_time_over_a_crash() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.enqueue([Reply::status(500)]);
    let secret = world.endpoint(&receiver.url(), &["*"]).await.secrets[0].key.clone();
    let id = world.dispatch("wh_1", "batch.completed").await;
    receiver.next().await;
    world.attempted(id, 1).await;

    let world = world.restart().await;
    world.settled().await;
    assert_eq!(receiver.call_count(), 1, "not before its time");
    world.advance(Duration::from_secs(5)).await;
    let retry = receiver.next().await;

    retry.assert_verifies(&secret, START.plus(Duration::from_secs(5)));
    let detail = world.attempted(id, 2).await;
    assert_eq!(detail.event.state, EventState::Delivered);
    assert_eq!(only(&detail).attempts[1].number, 2, "the first attempt is remembered");
}

#[tokio::test]
async fn a_lease_that_ran_out_is_taken_over_and_its_former_holder_decides_nothing() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let (first, second) = (Gate::shut(), Gate::shut());
    receiver.enqueue([Reply::status(500).behind(&first), Reply::status(200).behind(&second)]);
    let endpoint = world.endpoint_with_timeout(&receiver.url(), &["*"], 60).await;
    let id = world.dispatch("wh_1", "batch.completed").await;
    receiver.running(1).await;

    // 60 s time-out and 30 s slack, by the clock that rows are judged by; the attempt itself still runs.
    world.advance(Duration::from_secs(60 + 30)).await;
    world.advance(Duration::from_secs(1)).await;
    receiver.running(2).await;
    receiver.calls()[1].assert_verifies(&endpoint.secrets[0].key, START.plus(Duration::from_secs(91)));

    first.open();
    let detail = world.detail_once(id, "the first holder's attempt", |d| !only(d).attempts.is_empty()).await;
    assert_eq!(only(&detail).attempts[0].report.status_code, Some(500));
    assert_eq!(only(&detail).delivery.attempt_count, 0, "its failure is recorded, and uses up nothing");
    assert!(only(&detail).delivery.in_flight, "the second holder's lease stands");

    second.open();
    let detail = world.attempted(id, 2).await;
    assert_eq!(detail.event.state, EventState::Delivered);
    assert_eq!(only(&detail).delivery.attempt_count, 1);
}
