//! Order: one object's deliveries to an ordered endpoint come one after the other, whatever goes wrong in
//! between.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ringback_delivery::IncomingEvent;
use ringback_domain::{DeliveryRules, DeliveryState, Endpoint, EventId, Ordering};
use ringback_store::EndpointChange;
use ringback_testkit::{Receiver, Reply, START, World};

use crate::course::{quiet, run_until};
use crate::only;

const HOUR: Duration = Duration::from_secs(3600);

async fn ordered(world: &World, receiver: &Receiver, wait_secs: u32) -> Arc<Endpoint> {
    let rules = DeliveryRules {
        ordering: Ordering::Object,
        ordering_wait_secs: wait_secs,
        ..DeliveryRules::default()
    };
    world.endpoint_with_rules(&receiver.url(), &["*"], 1, rules).await
}

/// Event `n` of an object.
fn event(world: &World, object: &str, n: usize) -> IncomingEvent {
    let id = format!("{object}.{n}");
    IncomingEvent {
        object_id: Some(object.to_owned()),
        ..world.event(&id, "batch.completed", format!(r#"{{"type":"batch.completed","n":{n}}}"#))
    }
}

async fn dispatch(world: &World, object: &str, n: usize) -> EventId {
    world.try_dispatch(event(world, object, n)).await.unwrap().event_id
}

/// In what order a receiver saw the events of each object for the first time.
fn first_seen(receiver: &Receiver) -> HashMap<String, Vec<usize>> {
    let mut seen: HashMap<String, Vec<usize>> = HashMap::new();
    for call in receiver.calls() {
        let (object, n) = call.webhook_id().split_once('.').expect("an object and a number");
        let of_object = seen.entry(object.to_owned()).or_default();
        let n = n.parse().unwrap();
        if !of_object.contains(&n) {
            of_object.push(n);
        }
    }
    seen
}

#[tokio::test]
async fn the_next_one_waits_until_the_one_before_has_ended_and_others_do_not() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.enqueue([Reply::status(500)]);
    ordered(&world, &receiver, 3600).await;
    dispatch(&world, "a", 0).await;
    quiet(&world).await;
    let second = dispatch(&world, "a", 1).await;
    dispatch(&world, "b", 0).await;
    world.dispatch("free.0", "batch.completed").await;
    quiet(&world).await;
    let calls = receiver.calls();
    let mut ids: Vec<_> = calls.iter().map(ringback_testkit::Call::webhook_id).collect();
    ids[1..].sort_unstable();
    assert_eq!(ids, ["a.0", "b.0", "free.0"]);
    let waits_for_an_hour = only(&world.detail(second).await).delivery.due_at;
    assert_eq!(waits_for_an_hour, Some(START.plus(HOUR)), "since the first attempt of the one before");
    world.advance(Duration::from_secs(5)).await;
    world.attempted(second, 1).await;
    let calls = receiver.calls();
    assert_eq!(calls[3].webhook_id(), "a.0");
    assert_eq!(calls[4].webhook_id(), "a.1", "at once after the one before was delivered");
}

#[tokio::test]
async fn after_the_documented_wait_it_goes_and_time_paused_is_not_part_of_it() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.enqueue([Reply::status(500)]);
    let endpoint = ordered(&world, &receiver, 20).await;
    let pause = |paused| EndpointChange { paused: Some(paused), ..EndpointChange::default() };
    world.change_endpoint(endpoint.id, pause(true)).await;
    dispatch(&world, "a", 0).await;
    let second = dispatch(&world, "a", 1).await;
    world.advance(HOUR).await;
    world.change_endpoint(endpoint.id, pause(false)).await;
    world.dispatcher().note_due(endpoint.id);
    quiet(&world).await;
    assert_eq!(receiver.calls().len(), 1, "the first one, an hour late; the second one waits for it");
    receiver.enqueue((0..2).map(|_| Reply::status(500)));
    run_until(&world, START.plus(HOUR).plus(Duration::from_secs(19))).await;
    assert_eq!(receiver.call_count(), 2, "a retry of the first one");
    run_until(&world, START.plus(HOUR).plus(Duration::from_secs(20))).await;
    assert_eq!(receiver.calls()[2].webhook_id(), "a.1", "the wait is over while the first one goes on");
    assert_eq!(only(&world.detail(second).await).delivery.state, DeliveryState::Pending);
    run_until(&world, START.plus(HOUR * 2)).await;
    assert_eq!(world.store().backlog(world.project).await.unwrap().pending, 0, "both arrive in the end");
}

/// Random answers, of which most are bad: the same for the same seed.
fn replies(seed: u64, count: usize) -> Vec<Reply> {
    let mut state = seed;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    (0..count)
        .map(|_| match draw() % 16 {
            0..=6 => Reply::status(200),
            7..=10 => Reply::status(500),
            11 => Reply::status(429),
            12 => Reply::reset(),
            13 => Reply::status(200).after(Duration::from_millis(1100)),
            14 => Reply::close_before_head(),
            _ => Reply::status(200).after(Duration::from_millis(30)),
        })
        .collect()
}

/// Failures, time-outs that the receiver takes for successes, restarts in the middle of attempts, pauses: no
/// receiver sees a later event of an object before an earlier one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_random_failures_time_outs_and_restarts_every_object_is_seen_in_order() {
    const OBJECTS: usize = 12;
    const EVENTS: usize = 15;
    for seed in 1..=3 {
        let mut world = World::builder()
            .jitter(u32::try_from(seed).unwrap())
            // What a pause held is released at once.
            .settings(|s| s.release_per_sec = 10_000)
            .start()
            .await;
        let receiver = Receiver::start().await;
        receiver.enqueue(replies(seed, 300));
        let endpoint = ordered(&world, &receiver, 72 * 3600).await;
        for n in 0..EVENTS {
            for object in 0..OBJECTS {
                dispatch(&world, &format!("o{object}"), n).await;
            }
            match n % 5 {
                // While attempts are under way.
                1 => world = world.restart().await,
                2 => world.advance(Duration::from_secs(7)).await,
                3 => {
                    let pause = EndpointChange { paused: Some(true), ..EndpointChange::default() };
                    world.change_endpoint(endpoint.id, pause).await;
                    world.advance(HOUR).await;
                    let resume = EndpointChange { paused: Some(false), ..EndpointChange::default() };
                    world.change_endpoint(endpoint.id, resume).await;
                }
                _ => {}
            }
        }
        run_until(&world, START.plus(HOUR * 24 * 10)).await;
        assert_eq!(world.store().backlog(world.project).await.unwrap().pending, 0, "nothing is stuck");
        let seen = first_seen(&receiver);
        assert_eq!(seen.len(), OBJECTS);
        for (object, order) in seen {
            assert_eq!(order, (0..EVENTS).collect::<Vec<_>>(), "object {object}, seed {seed}");
        }
    }
}

#[tokio::test]
async fn order_beats_urgency() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.enqueue([Reply::status(500)]);
    ordered(&world, &receiver, 3600).await;
    dispatch(&world, "a", 0).await;
    quiet(&world).await;
    let urgent = IncomingEvent { event_type: "realtime.call.incoming".to_owned(), ..event(&world, "a", 1) };
    let urgent = world.try_dispatch(urgent).await.unwrap().event_id;
    quiet(&world).await;
    assert_eq!(receiver.call_count(), 1, "it waits for the one before it");
    world.advance(Duration::from_secs(5)).await;
    world.attempted(urgent, 1).await;
    let calls = receiver.calls();
    let ids: Vec<_> = calls.iter().map(ringback_testkit::Call::webhook_id).collect();
    assert_eq!(ids, ["a.0", "a.0", "a.1"]);
}
