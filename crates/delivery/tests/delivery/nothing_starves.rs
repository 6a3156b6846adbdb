//! Nothing that is due is starved, throttled for ever, or left lying until a scan happens to find it.

use std::time::Duration;

use ringback_delivery::IncomingEvent;
use ringback_domain::{Clock, DeliveryRules, EndpointId, Ordering, ReplayQuery, SecretId};
use ringback_store::{EndpointChange, NewReplay, ReplayDetail, ReplayTarget};
use ringback_testkit::{Gate, Receiver, Reply, World, until};

const TENTH: Duration = Duration::from_millis(100);

/// Waits until nothing is under way.
async fn settled_calls(world: &World) {
    until("nothing to be under way", || async {
        let backlog = world.store().backlog(world.project).await.unwrap();
        Some(()).filter(|()| backlog.in_flight == 0)
    })
    .await;
}

async fn dispatch(world: &World, prefix: &str, count: usize) {
    for n in 0..count {
        world.dispatch(&format!("{prefix}_{n}"), "batch.completed").await;
    }
}

/// How many calls of this prefix a receiver has seen.
fn seen(receiver: &Receiver, prefix: &str) -> usize {
    receiver.calls().iter().filter(|call| call.webhook_id().starts_with(prefix)).count()
}

#[tokio::test]
async fn a_release_ends_although_more_comes_than_is_released() {
    let world = World::builder().settings(|s| s.release_per_sec = 20).start().await;
    let receiver = Receiver::start().await;
    let endpoint = world.endpoint(&receiver.url(), &["*"]).await;
    let pause = |paused| EndpointChange { paused: Some(paused), ..EndpointChange::default() };
    world.change_endpoint(endpoint.id, pause(true)).await;
    dispatch(&world, "held", 10).await;
    world.change_endpoint(endpoint.id, pause(false)).await;
    world.dispatcher().note_due(endpoint.id);
    for tenths in 0..50 {
        dispatch(&world, &format!("new{tenths}"), 3).await;
        world.advance(TENTH).await;
        settled_calls(&world).await;
    }
    assert_eq!(seen(&receiver, "held"), 10);
    let pending = world.store().backlog(world.project).await.unwrap().pending;
    assert!(pending < 20, "{pending} wait 5 s after the ten that were held could have gone");
}

#[tokio::test]
async fn what_waits_for_its_rate_goes_before_what_comes_later() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let rules = DeliveryRules { max_per_sec: Some(100), ..DeliveryRules::default() };
    world.endpoint_with_rules(&receiver.url(), &["*"], 10, rules).await;
    dispatch(&world, "old", 50).await;
    for n in 0..250 {
        world.advance(Duration::from_millis(8)).await;
        world.dispatch(&format!("new_{n}"), "batch.completed").await;
    }
    settled_calls(&world).await;
    assert_eq!(seen(&receiver, "old"), 50, "of {} calls within two seconds", receiver.call_count());
}

/// Ordered, so that nothing is handed over in memory; and the clock stands still, so that no scan comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_due_while_its_endpoint_is_looked_at_is_looked_at_too() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let rules = DeliveryRules { ordering: Ordering::Object, ..DeliveryRules::default() };
    world.endpoint_with_rules(&receiver.url(), &["*"], 10, rules).await;
    for round in 0..100 {
        for n in 0..3 {
            let id = format!("o{round}.{n}");
            let event = world.event(&id, "batch.completed", r#"{"type":"batch.completed"}"#);
            world.try_dispatch(IncomingEvent { object_id: Some(id), ..event }).await.unwrap();
        }
        until("all three to arrive", || async {
            let backlog = world.store().backlog(world.project).await.unwrap();
            Some(()).filter(|()| backlog.pending + backlog.in_flight == 0)
        })
        .await;
    }
}

fn new_replay(world: &World, rate: u32) -> NewReplay {
    NewReplay {
        id: world.id(),
        project_id: world.project,
        query: ReplayQuery::default(),
        target: None,
        rate,
        now: world.clock.now(),
    }
}

/// Makes a replay, and lets so many tenths of a second pass.
async fn replayed(world: &World, new: NewReplay, tenths: u32) -> ReplayDetail {
    let replay = world.store().create_replay(new).await.unwrap();
    world.dispatcher().note_replay();
    for _ in 0..tenths {
        world.advance(TENTH).await;
        settled_calls(world).await;
    }
    world.store().replay(world.project, replay.id).await.unwrap()
}

/// Its endpoint is in no list: nobody could enable it, or mend what a breaker waits for.
#[tokio::test]
async fn a_replay_to_another_url_that_is_gone_or_down_comes_to_its_end() {
    for status in [410, 500] {
        let world = World::start().await;
        dispatch(&world, "wh", 40).await;
        let receiver = Receiver::start().await;
        receiver.always(Reply::status(status));
        let secret = ringback_webhook::SigningSecret::from_key_bytes(&[9; 32]).unwrap();
        let target = ReplayTarget {
            url: receiver.url(),
            endpoint_id: world.id::<EndpointId>(),
            secret: (world.id::<SecretId>(), secret.into()),
        };
        let new = NewReplay { target: Some(target), ..new_replay(&world, 100) };
        let detail = replayed(&world, new, 30).await;
        assert_eq!((detail.deliveries.dead, detail.deliveries.pending), (40, 0), "{status}");
        assert_eq!(receiver.call_count(), 40);
    }
}

#[tokio::test]
async fn a_replays_rate_is_one_of_deliveries_however_many_endpoints_an_event_has() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    dispatch(&world, "wh", 50).await;
    for _ in 0..20 {
        world.endpoint(&receiver.url(), &["*"]).await;
    }
    let detail = replayed(&world, new_replay(&world, 10), 30).await;
    let made = detail.replay.created_count;
    assert!((20..=60).contains(&made), "{made} in three seconds at ten a second");
}

#[tokio::test]
async fn an_endpoint_that_is_disabled_meanwhile_gets_no_more_of_a_replay() {
    let world = World::start().await;
    dispatch(&world, "wh", 50).await;
    let receiver = Receiver::start().await;
    receiver.always(Reply::status(410));
    let endpoint = world.endpoint(&receiver.url(), &["*"]).await;
    let query = ReplayQuery { endpoint_id: Some(endpoint.id), ..ReplayQuery::default() };
    let detail = replayed(&world, NewReplay { query, ..new_replay(&world, 10) }, 40).await;
    assert!(detail.replay.created_count <= 5, "{} made", detail.replay.created_count);
}

#[tokio::test]
async fn what_finds_no_slot_uses_up_no_rate() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let gate = Gate::shut();
    receiver.always(Reply::status(200).behind(&gate));
    let rules = DeliveryRules { max_per_sec: Some(1), max_concurrency: Some(1), ..DeliveryRules::default() };
    world.endpoint_with_rules(&receiver.url(), &["*"], 60, rules).await;
    world.dispatch("wh_0", "batch.completed").await;
    receiver.running(1).await;
    world.dispatch("wh_1", "batch.completed").await;
    world.advance(Duration::from_millis(1500)).await;
    world.dispatch("wh_2", "batch.completed").await;
    gate.open();
    until("the second one at once", || async { Some(()).filter(|()| receiver.call_count() == 2) }).await;
}
