//! What loses its worth fast goes first, and is not attempted when it is too old.

use std::time::Duration;

use ringback_domain::{DeliveryRules, DeliveryState, EndReason};
use ringback_store::{EndpointChange, MaxAgeChange};
use ringback_testkit::{Receiver, Reply, START, World};

use crate::course::{quiet, run_until};
use crate::only;

const CALL: &str = "realtime.call.incoming";

fn paused(paused: bool) -> EndpointChange {
    EndpointChange { paused: Some(paused), ..EndpointChange::default() }
}

#[tokio::test]
async fn a_call_that_waits_to_be_accepted_goes_before_everything_else() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let rules = DeliveryRules { max_concurrency: Some(1), ..DeliveryRules::default() };
    let endpoint = world.endpoint_with_rules(&receiver.url(), &["*"], 10, rules).await;
    world.change_endpoint(endpoint.id, paused(true)).await;
    for n in 0..5 {
        world.dispatch(&format!("wh_{n}"), "batch.completed").await;
    }
    world.dispatch("wh_call", CALL).await;
    world.change_endpoint(endpoint.id, paused(false)).await;
    world.dispatcher().note_due(endpoint.id);
    assert_eq!(receiver.next().await.webhook_id(), "wh_call");
}

#[tokio::test]
async fn what_is_too_old_is_dead_with_the_reason_and_never_sent() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let endpoint = world.endpoint(&receiver.url(), &["*"]).await;
    world.change_endpoint(endpoint.id, paused(true)).await;
    let call = world.dispatch("wh_call", CALL).await;
    let other = world.dispatch("wh_other", "batch.completed").await;
    let due = only(&world.detail(call).await).delivery.expires_at;
    assert_eq!(due, Some(START.plus(Duration::from_secs(60))));
    world.advance(Duration::from_secs(66)).await;
    let detail =
        world.detail_once(call, "it to be ended", |detail| only(detail).delivery.state.is_final()).await;
    let delivery = &only(&detail).delivery;
    assert_eq!((delivery.state, delivery.end_reason), (DeliveryState::Dead, Some(EndReason::Expired)));
    world.change_endpoint(endpoint.id, paused(false)).await;
    world.dispatcher().note_due(endpoint.id);
    world.attempted(other, 1).await;
    assert_eq!(receiver.call_count(), 1);
}

#[tokio::test]
async fn a_failing_call_is_given_up_when_its_next_attempt_would_come_too_late() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.always(Reply::status(500));
    world.endpoint(&receiver.url(), &["*"]).await;
    let call = world.dispatch("wh_call", CALL).await;
    run_until(&world, START.plus(Duration::from_secs(59))).await;
    let detail = world.detail(call).await;
    assert_eq!(only(&detail).attempts.len(), 3, "at 0, 5 and 35 s");
    assert_eq!(only(&detail).delivery.end_reason, Some(EndReason::Expired));
}

#[tokio::test]
async fn the_age_of_a_type_and_of_an_endpoint_can_be_set() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let endpoint = world.endpoint(&receiver.url(), &["*"]).await;
    let own = DeliveryRules { max_age_secs: Some(7), ..DeliveryRules::default() };
    let strict = world.endpoint_with_rules(&receiver.url(), &["batch.failed"], 10, own).await;
    for id in [endpoint.id, strict.id] {
        world.change_endpoint(id, paused(true)).await;
    }
    let set = |name: &str, max_age| {
        world.store().register_event_type(world.project, name.to_owned(), max_age, START)
    };
    set("batch.completed", MaxAgeChange::Secs(30)).await.unwrap();
    set(CALL, MaxAgeChange::Secs(0)).await.unwrap();
    let expires = |secs| Some(START.plus(Duration::from_secs(secs)));
    let of = async |event_type: &str, id: &str| {
        let event = world.dispatch(id, event_type).await;
        let deliveries = world.detail(event).await.deliveries;
        deliveries.iter().map(|detail| detail.delivery.expires_at).collect::<Vec<_>>()
    };
    assert_eq!(of("batch.completed", "wh_1").await, [expires(30)]);
    assert_eq!(of(CALL, "wh_2").await, [None]);
    assert_eq!(of("batch.failed", "wh_3").await, [None, expires(7)]);
    set(CALL, MaxAgeChange::Default).await.unwrap();
    assert_eq!(of(CALL, "wh_4").await, [expires(60)]);
    quiet(&world).await;
}
