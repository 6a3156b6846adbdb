//! The operator's hard limit of retention: what is pending of events that are older is given up, and can then
//! be pruned.

use ringback_domain::retry::NextStep;
use ringback_domain::{DeliveryState, EndReason, EventId, EventState, ReplayQuery, Timestamp};
use ringback_store::{
    Backlog, DeliveryCounts, EndpointChange, EventFilter, Finished, Redelivery, StoreError,
};

use super::prune::prune;
use super::{World, assert_err, at, unattempted};

/// Gives up what was taken before then, in steps of so many until nothing is left; says how many each step
/// ended.
async fn give_up(world: &World, before: Timestamp, limit: usize) -> Vec<usize> {
    let mut steps = Vec::new();
    loop {
        match world.store.give_up(at(1000), before, limit).await.unwrap() {
            0 => return steps,
            ended => steps.push(ended),
        }
        assert!(steps.len() < 100, "the giving up does not come to an end");
    }
}

/// How the first delivery of an event stands.
async fn end_of(world: &World, event: EventId) -> (DeliveryState, Option<EndReason>, Option<Timestamp>, u32) {
    let delivery = world.delivery(event).await;
    (delivery.state, delivery.end_reason, delivery.finished_at, delivery.attempt_count)
}

/// Given up at 1000, after so many attempts.
fn given_up(attempts: u32) -> (DeliveryState, Option<EndReason>, Option<Timestamp>, u32) {
    (DeliveryState::Dead, Some(EndReason::Retention), Some(at(1000)), attempts)
}

pub(crate) async fn what_is_pending_for_too_long_is_given_up_in_bounded_steps(world: World) {
    let held = [world.endpoint(&["a.*"]).await, world.endpoint(&["b.*"]).await];
    let failing = world.endpoint(&["c.*"]).await;
    let pause = EndpointChange { paused: Some(true), ..Default::default() };
    world.store.update_endpoint(world.project, held[0], pause, at(1)).await.unwrap();
    let mut events = Vec::new();
    for (n, event_type) in (0..6).zip(["a.a", "b.b", "c.c"].iter().cycle()) {
        let call = world.publication(&n.to_string()).event_type(event_type).at(at(n * 10));
        events.push(call.append().await.event_id);
    }
    let disable = EndpointChange { disabled: Some(Some("gone".into())), ..Default::default() };
    world.store.update_endpoint(world.project, held[1], disable, at(60)).await.unwrap();
    for claimed in world.claim(failing, at(60)).await {
        world.finish(&claimed, NextStep::RetryAt(at(5000)), at(60)).await;
    }
    prune(&world, at(1000), at(0), 100).await;

    // Taken at 0, 10, 20, 30 | 40, 50: what was taken at the very moment stays.
    assert_eq!(give_up(&world, at(0), 3).await, [0; 0]);
    assert_eq!(give_up(&world, at(40), 3).await, [3, 1]);
    for (event, attempts) in events.iter().zip([0, 0, 1, 0]) {
        assert_eq!(end_of(&world, *event).await, given_up(attempts));
        let detail = world.event(*event).await;
        assert_eq!((detail.event.state, detail.deliveries[0].delivery.due_at), (EventState::Dead, None));
    }
    for event in &events[4..] {
        assert_eq!(world.delivery(*event).await.state, DeliveryState::Pending);
    }
    let backlog = world.store.backlog(world.project).await.unwrap();
    assert_eq!(backlog, Backlog { pending: 2, in_flight: 0, dead: 4 });
    // What is given up goes as anything does that is finished.
    prune(&world, at(1000), at(0), 100).await;
    assert_eq!(world.list(EventFilter::default()).await, [events[5], events[4]]);
    assert_eq!(world.claim(failing, at(5000)).await.len(), 1, "the young one is still retried");
}

pub(crate) async fn an_attempt_under_way_is_recorded_before_its_delivery_is_given_up(world: World) {
    let endpoint = world.endpoint(&["*"]).await;
    let mut events = Vec::new();
    for name in ["arrives", "fails", "given back"] {
        events.push(world.publication(name).append().await.event_id);
    }
    let claimed = world.claim(endpoint, at(9)).await;
    assert_eq!(give_up(&world, at(1), 100).await, [0; 0]);
    world.finish(&claimed[0], NextStep::Delivered, at(20)).await;
    world.finish(&claimed[1], NextStep::RetryAt(at(2000)), at(20)).await;
    world.store.release(vec![unattempted(&claimed[2])]).await.unwrap();
    assert_eq!(give_up(&world, at(1), 100).await, [2]);
    assert_eq!(end_of(&world, events[0]).await, (DeliveryState::Delivered, None, Some(at(20)), 1));
    assert_eq!(end_of(&world, events[1]).await, given_up(1));
    assert_eq!(end_of(&world, events[2]).await, given_up(0));
}

pub(crate) async fn an_attempt_that_outlives_its_delivery_is_not_recorded(world: World) {
    let endpoint = world.endpoint(&["*"]).await;
    let event = world.publication("a").append().await.event_id;
    let claimed = world.claim_one(endpoint, at(0)).await;
    assert_eq!(world.store.reclaim(at(61)).await.unwrap(), 1);
    assert_eq!(give_up(&world, at(1), 100).await, [1]);
    prune(&world, at(1000), at(0), 100).await;
    let late = world.finishing(&claimed, NextStep::Delivered, at(1001));
    assert_eq!(world.store.finish(late).await.unwrap(), Finished::default());
    assert_err!(world.store.event(world.project, event).await, StoreError::NotFound { .. });
}

pub(crate) async fn one_that_is_given_up_lets_the_next_in_its_order_go(world: World) {
    let endpoint = world.ordered_endpoint(100).await;
    let mut events = Vec::new();
    for (name, secs) in [("a", 0), ("b", 10), ("c", 20), ("d", 500), ("e", 510)] {
        let call = world.publication(name).object("batch_1").at(at(secs));
        events.push(call.append().await.event_id);
    }
    let due_at = async |event| world.delivery(event).await.due_at;
    let first = world.claim_one(endpoint, at(511)).await;
    // While the first one is under way, those behind it are given up, and nobody gets past it.
    assert_eq!(give_up(&world, at(100), 1).await, [1, 1]);
    assert_eq!((due_at(events[3]).await, due_at(events[4]).await), (None, None));
    world.finish(&first, NextStep::RetryAt(at(5000)), at(512)).await;
    assert_eq!(due_at(events[3]).await, Some(at(612)), "it waits for the one that failed");
    assert_eq!(give_up(&world, at(100), 1).await, [1]);
    for (event, attempts) in events.iter().zip([1, 0, 0]) {
        assert_eq!(end_of(&world, *event).await, given_up(attempts));
    }
    assert_eq!((due_at(events[3]).await, due_at(events[4]).await), (Some(at(612)), None));
    // And without anybody before it, the next one is due at once.
    let queued = world.claim_one(endpoint, at(1000)).await;
    assert_eq!(queued.event_id, events[3]);
    world.store.release(vec![unattempted(&queued)]).await.unwrap();
    assert_eq!(give_up(&world, at(501), 100).await, [1]);
    assert_eq!(due_at(events[4]).await, Some(at(1000)));
}

pub(crate) async fn what_is_sent_again_is_as_old_as_its_event(world: World) {
    let endpoint = world.endpoint(&["*"]).await;
    let event = world.publication("a").append().await.event_id;
    let claimed = world.claim_one(endpoint, at(0)).await;
    world.finish(&claimed, super::DEAD, at(1)).await;
    let again = Redelivery { id: world.id_at(at(900)), event_id: event, endpoint_id: endpoint };
    world.store.redeliver(world.project, vec![again], at(900)).await.unwrap();
    let replay = world.store.create_replay(world.new_replay_to(ReplayQuery::default(), "https://b.example/"));
    let replay = replay.await.unwrap();
    assert_eq!(world.advance(replay.id, 10).await, [1]);

    assert_eq!(give_up(&world, at(1), 100).await, [2]);
    let reasons: Vec<_> =
        world.event(event).await.deliveries.iter().map(|made| made.delivery.end_reason).collect();
    let retention = Some(EndReason::Retention);
    assert_eq!(reasons, [Some(EndReason::ScheduleExhausted), retention, retention]);
    let counts = world.store.replay(world.project, replay.id).await.unwrap().deliveries;
    assert_eq!(counts, DeliveryCounts { dead: 1, ..Default::default() });
    assert_eq!(world.clear(replay.id, 10).await, 1);
    assert!(world.store.config().endpoint(replay.target_endpoint_id.unwrap()).is_none());
}

pub(crate) async fn what_was_found_is_looked_at_again(world: World) {
    let endpoint = world.endpoint(&["*"]).await;
    for name in ["a", "b", "c"] {
        world.publication(name).append().await;
    }
    // The first step may find all of them. The others end otherwise and are pruned before the second.
    assert_eq!(world.store.give_up(at(1000), at(1), 1).await.unwrap(), 1);
    for claimed in world.claim(endpoint, at(0)).await {
        world.finish(&claimed, NextStep::Delivered, at(1)).await;
    }
    prune(&world, at(1000), at(0), 100).await;
    assert_eq!(world.list(EventFilter::default()).await, []);
    let mut young = Vec::new();
    for name in ["d", "e", "f"] {
        young.push(world.publication(name).at(at(500)).append().await.event_id);
    }
    for _ in 0..3 {
        assert_eq!(world.store.give_up(at(1000), at(1), 1).await.unwrap(), 0);
    }
    for event in young {
        assert_eq!(world.delivery(event).await.state, DeliveryState::Pending);
    }
}
