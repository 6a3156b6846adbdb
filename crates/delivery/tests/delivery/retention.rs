//! Retention takes what is old and finished, and nothing else.

use std::time::Duration;

use ringback_domain::{DeliveryState, EndReason, EventId, EventState};
use ringback_store::{EndpointChange, StoreError};
use ringback_testkit::{Op, Receiver, Reply, World, until};

use crate::only;

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
    // When its end is recorded and which sweep comes first after that is a race; a later sweep takes it in
    // any case.
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

#[tokio::test]
async fn what_is_held_for_longer_than_the_hard_limit_is_given_up_and_then_goes() {
    let second = Duration::from_secs(1);
    let limits = World::builder().settings(|s| {
        s.event_retention = second;
        s.prune_interval = second;
        s.pending_retention = Some(20 * second);
    });
    let world = limits.start().await;
    let receiver = Receiver::start().await;
    let endpoint = world.endpoint(&receiver.url(), &["*"]).await;
    let paused = |paused| EndpointChange { paused: Some(paused), ..EndpointChange::default() };
    world.change_endpoint(endpoint.id, paused(true)).await;
    let old = world.dispatch("wh_old", "batch.completed").await;
    for _ in 0..15 {
        world.advance(second).await;
    }
    let young = world.dispatch("wh_young", "batch.completed").await;
    for _ in 15..20 {
        world.advance(second).await;
        assert_eq!(only(&world.detail(old).await).delivery.state, DeliveryState::Pending);
    }

    world.advance(2 * second).await;
    let ended =
        world.detail_once(old, "it to be given up", |detail| only(detail).delivery.state.is_final()).await;
    let delivery = &only(&ended).delivery;
    assert_eq!((delivery.state, delivery.end_reason), (DeliveryState::Dead, Some(EndReason::Retention)));
    until("it to go", || async {
        world.advance(second / 4).await;
        Some(listed(&world).await).filter(|listed| listed == &[young])
    })
    .await;
    world.change_endpoint(endpoint.id, paused(false)).await;
    world.dispatcher().note_due(endpoint.id);
    assert_eq!(receiver.next().await.webhook_id(), "wh_young", "what is younger is still delivered");
}

#[tokio::test]
async fn without_a_hard_limit_nothing_is_given_up_and_with_one_nothing_before_the_rest_has_gone() {
    let second = Duration::from_secs(1);
    for limit in [None, Some(second)] {
        let limits = World::builder().settings(|s| {
            s.prune_interval = second;
            s.pending_retention = limit;
        });
        let world = limits.start().await;
        let faults = world.faults();
        faults.refuse(Op::Prune, StoreError::Overloaded);
        sweeps(&world, 2).await;
        assert_eq!(faults.asked(Op::GiveUp), 0);
        faults.heal();
        sweeps(&world, faults.asked(Op::Prune) + 2).await;
        assert_eq!(faults.asked(Op::GiveUp) > 0, limit.is_some());
    }
}

/// Turns the clock until so many sweeps have begun, and the last one has gone back to waiting.
async fn sweeps(world: &World, count: usize) {
    until("the next sweep", || async {
        world.advance(Duration::from_secs(1)).await;
        (world.faults().asked(Op::Prune) >= count).then_some(())
    })
    .await;
}

async fn listed(world: &World) -> Vec<EventId> {
    world.events().await.into_iter().map(|event| event.id).collect()
}
