//! Retention takes what is old and finished, and nothing else.

use std::time::Duration;

use ringback_domain::{EventId, EventState};
use ringback_testkit::{Receiver, Reply, World, until};

#[tokio::test]
async fn a_finished_event_goes_and_a_pending_one_stays_until_it_is_finished() {
    let second = Duration::from_secs(1);
    let limits = World::builder().settings(|s| {
        s.event_retention = second;
        s.prune_interval = second;
    });
    let world = limits.start().await;
    let (healthy, failing) = (Receiver::start().await, Receiver::start().await);
    failing.enqueue([Reply::status(500)]);
    world.endpoint(&healthy.url(), &["batch.completed"]).await;
    world.endpoint(&failing.url(), &["batch.failed"]).await;
    let finished = world.dispatch("wh_1", "batch.completed").await;
    let pending = world.dispatch("wh_2", "batch.failed").await;
    let unrouted = world.dispatch("wh_3", "batch.expired").await;
    world.attempted(finished, 1).await;
    world.attempted(pending, 1).await;
    assert_eq!(listed(&world).await, [unrouted, pending, finished]);

    world.advance(3 * second).await;
    until("the finished ones to go", || async { Some(listed(&world).await).filter(|l| l.len() == 1) }).await;
    assert_eq!(listed(&world).await, [pending]);
    assert_eq!(world.detail(pending).await.event.state, EventState::Pending);

    world.advance(2 * second).await;
    failing.next().await;
    let retry = failing.next().await;
    assert_eq!(retry.webhook_id(), "wh_2", "its payload was still there to be sent");
    // When its end is recorded and which sweep comes first after that is a race; a later sweep takes it in any case.
    until("the last one to go", || async {
        world.advance(second).await;
        Some(listed(&world).await).filter(Vec::is_empty)
    })
    .await;
}

#[tokio::test]
async fn a_webhook_id_is_remembered_for_96_hours_whatever_the_settings_say() {
    let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3600));
    let limits = World::builder().settings(|s| {
        s.dedupe_retention = second;
        s.event_retention = second;
        s.prune_interval = second;
    });
    let world = limits.start().await;
    let first = world.dispatch("wh_1", "batch.completed").await;
    world.advance(95 * hour).await;
    until("a sweep", || async { Some(listed(&world).await).filter(Vec::is_empty) }).await;
    assert_eq!(world.dispatch("wh_1", "batch.completed").await, first, "it is a duplicate still");

    // Which sweep takes it is a race; before that it is a duplicate, which makes nothing.
    world.advance(2 * hour).await;
    until("it to be forgotten", || async {
        world.advance(second).await;
        (world.dispatch("wh_1", "batch.completed").await != first).then_some(())
    })
    .await;
}

async fn listed(world: &World) -> Vec<EventId> {
    world.events().await.into_iter().map(|event| event.id).collect()
}
