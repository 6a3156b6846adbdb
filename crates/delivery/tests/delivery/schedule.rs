//! Retries fall on the schedule, each signed afresh.

use std::time::Duration;

use ringback_domain::{DeliveryState, EndReason, EventState, Timestamp};
use ringback_testkit::{Receiver, Reply, START, World};

use crate::{append_untold, generation, only};

/// When each attempt is due, in seconds after the first, as documented.
const ATTEMPTS_AT: [u64; 12] = [0, 5, 35, 155, 755, 2_555, 9_755, 27_755, 63_755, 114_155, 186_155, 258_155];

const ONE_MS: Duration = Duration::from_millis(1);

fn at(secs: u64) -> Timestamp {
    START.plus(Duration::from_secs(secs))
}

#[tokio::test]
async fn a_refused_attempt_is_repeated_on_time_and_signed_afresh() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.enqueue([Reply::status(500)]);
    let secret = world.endpoint(&receiver.url(), &["*"]).await.secrets[0].key.clone();

    let id = world.dispatch("wh_1", "batch.completed").await;
    let first = receiver.next().await;
    let detail = world.attempted(id, 1).await;
    assert_eq!(only(&detail).delivery.state, DeliveryState::Pending);
    assert_eq!(only(&detail).delivery.due_at, Some(at(5)));

    world.advance(Duration::from_secs(5) - ONE_MS).await;
    let due = world.store().due_endpoints().await.unwrap();
    assert_eq!(due.len(), 1, "a millisecond early it is still waiting, under no lease");
    assert_eq!(receiver.call_count(), 1);

    world.advance(ONE_MS).await;
    let second = receiver.next().await;
    assert_eq!(second.webhook_id(), first.webhook_id());
    assert_eq!(second.body, first.body);
    assert_eq!(second.timestamp() - first.timestamp(), 5);
    assert_ne!(second.header("webhook-signature"), first.header("webhook-signature"));
    // A receiver whose clock is right when the retry comes, though the first attempt is long past.
    second.assert_verifies(&secret, at(5 + 300));

    let detail = world.attempted(id, 2).await;
    assert_eq!(detail.event.state, EventState::Delivered);
    assert_eq!(only(&detail).attempts[1].number, 2);
    assert_eq!(only(&detail).attempts[1].report.started_at, at(5));
}

#[tokio::test]
async fn a_receiver_that_always_fails_gets_the_whole_table_and_then_the_delivery_is_dead() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.always(Reply::status(503));
    let secret = world.endpoint(&receiver.url(), &["*"]).await.secrets[0].key.clone();

    let id = world.dispatch("wh_1", "batch.completed").await;
    for (made, due) in (1..).zip(ATTEMPTS_AT) {
        let call = receiver.next().await;
        assert_eq!(call.timestamp(), at(due).as_unix_secs());
        call.assert_verifies(&secret, at(due));
        let detail = world.attempted(id, made).await;
        if let Some(next) = ATTEMPTS_AT.get(made) {
            assert_eq!(only(&detail).delivery.due_at, Some(at(*next)), "after attempt {made}");
            world.advance(Duration::from_secs(next - due)).await;
        }
    }

    let detail = world.detail(id).await;
    let started: Vec<_> = only(&detail).attempts.iter().map(|attempt| attempt.report.started_at).collect();
    assert_eq!(started, ATTEMPTS_AT.map(at));
    let numbers: Vec<_> = only(&detail).attempts.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, (1..=12).collect::<Vec<_>>());
    assert_eq!(detail.event.state, EventState::Dead);
    assert_eq!(only(&detail).delivery.state, DeliveryState::Dead);
    assert_eq!(only(&detail).delivery.end_reason, Some(EndReason::ScheduleExhausted));
    assert_eq!(only(&detail).delivery.due_at, None);

    world.advance(Duration::from_secs(7 * 24 * 3600)).await;
    assert_eq!(world.store().due_endpoints().await.unwrap(), [], "nothing is due ever after");
    assert_eq!(receiver.call_count(), 12);
}

#[tokio::test]
async fn a_clock_that_is_set_back_holds_up_nothing_that_comes_after() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.enqueue([Reply::status(500), Reply::status(500)]);
    world.endpoint(&receiver.url(), &["*"]).await;
    let before = world.dispatch("wh_1", "batch.completed").await;
    world.attempted(before, 1).await;

    let set_back = START.minus(Duration::from_secs(3600));
    world.clock.set(set_back);
    let after = world.dispatch("wh_2", "batch.completed").await;
    let detail = world.attempted(after, 1).await;
    assert_eq!(only(&detail).delivery.due_at, Some(set_back.plus(Duration::from_secs(5))));
    world.clock.advance(Duration::from_secs(5));
    assert_eq!(world.attempted(after, 2).await.event.state, EventState::Delivered);
    assert_eq!(world.detail(before).await.event.state, EventState::Pending, "its time has not come again");

    // What only a scan finds is found as soon as ever, not when the clock reaches the time of the scan that
    // was planned.
    let untold = append_untold(&world, "wh_3", generation(&world) - 1).await.event_id;
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.attempted(untold, 1).await.event.state, EventState::Delivered);

    world.clock.set(at(5));
    assert_eq!(world.attempted(before, 2).await.event.state, EventState::Delivered);
}

#[tokio::test]
async fn days_of_standstill_kill_nothing_before_the_next_attempt() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.always(Reply::status(500));
    world.endpoint(&receiver.url(), &["*"]).await;
    let id = world.dispatch("wh_1", "batch.completed").await;
    world.attempted(id, 1).await;

    let days = 73 * 3600;
    world.clock.set(at(days));
    let world = world.restart().await;
    let detail = world.attempted(id, 2).await;

    assert_eq!(only(&detail).attempts[1].report.started_at, at(days));
    assert_eq!(detail.event.state, EventState::Dead, "72 h after the first attempt, this was the last one");
    assert_eq!(only(&detail).delivery.end_reason, Some(EndReason::ScheduleExhausted));
}
