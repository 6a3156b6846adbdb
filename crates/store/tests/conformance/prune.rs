//! Retention: what is old and finished goes, step by step, and nothing else.

use ringback_domain::retry::NextStep;
use ringback_domain::{Disposition, EventId, Timestamp};
use ringback_store::{EventFilter, Retention};

use super::{World, at};

/// Prunes until nothing more goes, in steps of so many.
pub(super) async fn prune(
    world: &World,
    events_before: Timestamp,
    webhook_ids_before: Timestamp,
    limit: usize,
) {
    let retention = Retention { events_before, webhook_ids_before, idempotency_keys_before: at(0), limit };
    for _ in 0..100 {
        if world.store.prune(retention).await.unwrap() == 0 {
            return;
        }
    }
    panic!("pruning does not come to an end");
}

pub(crate) async fn what_is_old_and_finished_goes_with_all_that_belongs_to_it(world: World) {
    let source = world.source().await;
    let endpoint = world.endpoint(&["batch.*"]).await;
    let mut made: Vec<EventId> = Vec::new();
    for (n, event_type) in (0..6).zip(["batch.completed", "response.completed"].iter().cycle()) {
        let call = world.call(source, &n.to_string()).event_type(event_type).at(at(n * 10));
        made.push(call.append().await.event_id);
    }
    for (n, claimed) in world.claim(endpoint, at(100)).await.iter().enumerate() {
        let end = if n % 2 == 0 { NextStep::Delivered } else { super::DEAD };
        world.finish(claimed, end, at(100)).await;
    }
    // Taken at 0, 10, 20 | 30, 40, 50: what was taken at the very moment stays.
    prune(&world, at(30), at(0), 100).await;
    assert_eq!(world.list(EventFilter::default()).await, [made[5], made[4], made[3]]);
    assert_eq!(world.event(made[4]).await.deliveries[0].attempts.len(), 1, "of the others nothing goes");
    let of_type = EventFilter { event_type: Some("batch.completed".into()), object_id: None };
    assert_eq!(world.list(of_type).await, [made[4]]);

    prune(&world, at(1000), at(0), 100).await;
    assert_eq!(world.list(EventFilter::default()).await, []);
    assert!(!world.store.has_seen_type(world.project, "batch.completed").await.unwrap());
}

pub(crate) async fn what_is_pending_stays_however_old(world: World) {
    let source = world.source().await;
    let [first, second] = [world.endpoint(&["*"]).await, world.endpoint(&["*"]).await];
    let event = world.call(source, "wh_1").append().await.event_id;
    let ended = world.claim_one(first, at(0)).await;
    world.finish(&ended, NextStep::Delivered, at(1)).await;
    let leased = world.claim_one(second, at(0)).await;

    prune(&world, at(1_000_000), at(0), 100).await;
    let detail = world.event(event).await;
    assert_eq!(detail.deliveries.len(), 2, "nor does a finished part of it go");
    assert_eq!(detail.deliveries[0].attempts.len(), 1);
    assert_eq!(world.store.payload(world.project, event).await.unwrap(), "{}");

    world.finish(&leased, NextStep::RetryAt(at(2_000_000)), at(1)).await;
    prune(&world, at(1_000_000), at(0), 100).await;
    assert_eq!(world.list(EventFilter::default()).await, [event]);

    let last = world.claim_one(second, at(2_000_000)).await;
    world.finish(&last, super::DEAD, at(2_000_000)).await;
    prune(&world, at(1_000_000), at(0), 100).await;
    assert_eq!(world.list(EventFilter::default()).await, []);
}

pub(crate) async fn a_pending_event_does_not_hold_up_those_behind_it(world: World) {
    let source = world.source().await;
    world.endpoint(&["batch.*"]).await;
    let mut pending = Vec::new();
    for n in 0..3 {
        pending.push(world.call(source, &format!("pending{n}")).append().await.event_id);
        world.call(source, &format!("unrouted{n}")).event_type("response.completed").append().await;
    }
    pending.reverse();
    prune(&world, at(100), at(0), 1).await;
    assert_eq!(world.list(EventFilter::default()).await, pending);
}

pub(crate) async fn what_lies_behind_many_held_events_goes_within_a_sweep(world: World) {
    // As many as take more than two looks.
    const HELD: usize = 12_000;
    let endpoint = world.endpoint(&["*"]).await;
    let held = world.publication("held").at(at(1)).append().await.event_id;
    for first in (1..HELD).step_by(1_000) {
        let numbers = first..HELD.min(first + 1_000);
        let copies = numbers.map(|n| world.publication(&format!("held {n}")).at(at(1)).arrival());
        world.store.append_all(copies.collect()).await.unwrap();
    }
    let mut finished = Vec::new();
    for n in 0..25 {
        let free = world.publication(&format!("free {n}")).at(at(3)).to(&[]);
        finished.push(free.append().await.event_id);
    }
    prune(&world, at(100), at(0), 10).await;
    for event in finished {
        assert!(world.store.event(world.project, event).await.is_err(), "it was not reached");
    }
    let left = world.store.backlog(world.project).await.unwrap().pending;
    assert_eq!(left, HELD as u64);
    // The next sweep begins anew.
    let claimed = world.claim(endpoint, at(100)).await;
    let claimed = claimed.into_iter().find(|claimed| claimed.event_id == held).unwrap();
    world.finish(&claimed, NextStep::Delivered, at(100)).await;
    prune(&world, at(100), at(0), 10).await;
    assert!(world.store.event(world.project, held).await.is_err());
}

pub(crate) async fn webhook_ids_have_a_retention_of_their_own(world: World) {
    let source = world.source().await;
    let old = world.call(source, "old").append().await.event_id;
    world.call(source, "young").at(at(50)).append().await;

    prune(&world, at(100), at(0), 100).await;
    assert_eq!(world.list(EventFilter::default()).await, []);
    let again = world.call(source, "old").append().await;
    assert_eq!((again.disposition, again.event_id), (Disposition::Duplicate, old), "its event is gone");

    // First seen at 0 and at 50: what was seen at the very moment stays.
    prune(&world, at(0), at(50), 100).await;
    let anew = world.call(source, "old").append().await;
    assert_eq!(anew.disposition, Disposition::Accepted);
    assert_ne!(anew.event_id, old);
    assert_eq!(world.call(source, "young").append().await.disposition, Disposition::Duplicate);

    // An event outlives its entry as well.
    prune(&world, at(0), at(100), 100).await;
    world.event(anew.event_id).await;
    assert_eq!(world.call(source, "young").append().await.disposition, Disposition::Accepted);
}

pub(crate) async fn steps_are_bounded(world: World) {
    let source = world.source().await;
    for n in 0..5 {
        world.call(source, &n.to_string()).append().await;
    }
    let step = Retention {
        events_before: at(1),
        webhook_ids_before: at(1),
        idempotency_keys_before: at(0),
        limit: 2,
    };
    for left in [3, 1, 0] {
        assert!(world.store.prune(step).await.unwrap() > 0);
        assert_eq!(world.list(EventFilter::default()).await.len(), left);
    }
    assert_eq!(world.store.prune(step).await.unwrap(), 0);
    assert_eq!(world.call(source, "0").append().await.disposition, Disposition::Accepted);
}
