//! What one attempt looks like to the receiver, and what is kept of it.

use std::collections::BTreeSet;

use ringback_domain::{AttemptOutcome, DeliveryState, EventState};
use ringback_testkit::{Receiver, Reply, START, World};

use crate::{only, only_attempt};

/// Not what a serialiser would write: order, blanks, an escape and a number beyond a double must all stay.
const BODY: &[u8] = b" {\"type\" : \"batch.completed\",\r\n\t\"z\":1, \"a\":\"\\u00e9\xc3\xa9\", \"n\":12345678901234567890} \n";

#[tokio::test]
async fn an_event_arrives_byte_for_byte_and_signed_with_the_endpoints_own_secret() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.always(Reply::status(202).with_body("thank you"));
    let endpoint = world.endpoint(&receiver.url(), &["batch.*"]).await;

    let event = world.event("wh_6853.odd~id", "batch.completed", BODY);
    let appended = world.try_dispatch(event).await.unwrap();
    let call = receiver.next().await;

    assert_eq!((call.method.as_str(), call.path.as_str()), ("POST", "/hooks"));
    assert_eq!(call.body, BODY);
    assert_eq!(call.webhook_id(), "wh_6853.odd~id");
    assert_eq!(call.header("content-type"), "application/json");
    assert_eq!(call.header("user-agent"), "Ringback/0.0.0-test");
    assert_eq!(call.header("content-length"), BODY.len().to_string());
    assert_eq!(call.timestamp(), START.as_unix_secs());
    call.assert_verifies(&endpoint.secrets[0].key, START);

    let detail = world.attempted(appended.event_id, 1).await;
    assert_eq!(detail.event.state, EventState::Delivered);
    assert_eq!(only(&detail).delivery.state, DeliveryState::Delivered);
    assert_eq!(only(&detail).delivery.due_at, None);
    assert_eq!(only(&detail).delivery.finished_at, Some(START));
    let attempt = only_attempt(&detail);
    assert_eq!(attempt.number, 1);
    assert_eq!(attempt.report.outcome, AttemptOutcome::Succeeded);
    assert_eq!(attempt.report.status_code, Some(202));
    assert_eq!(attempt.report.error, None);
    assert_eq!(attempt.report.response_body, "thank you");
    assert_eq!(attempt.report.started_at, START);
}

#[tokio::test]
async fn each_endpoint_that_wants_an_event_gets_it_under_its_own_signature() {
    let world = World::start().await;
    let receivers = [Receiver::start().await, Receiver::start().await, Receiver::start().await];
    let exact = world.endpoint(&receivers[0].url(), &["batch.completed"]).await;
    let all = world.endpoint(&receivers[1].url(), &["*"]).await;
    world.endpoint(&receivers[2].url(), &["batch.failed"]).await;

    let id = world.dispatch("wh_1", "batch.completed").await;
    receivers[0].next().await.assert_verifies(&exact.secrets[0].key, START);
    receivers[1].next().await.assert_verifies(&all.secrets[0].key, START);

    let detail = world.detail_once(id, "both deliveries", |d| d.event.state == EventState::Delivered).await;
    let endpoints: Vec<_> = detail.deliveries.iter().map(|d| d.delivery.endpoint_id).collect();
    assert_eq!(endpoints, [exact.id, all.id]);
    assert_eq!(receivers[2].call_count(), 0);
}

#[tokio::test]
async fn a_repeated_call_is_delivered_once() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    world.endpoint(&receiver.url(), &["*"]).await;

    let first = world.dispatch("wh_1", "batch.completed").await;
    world.attempted(first, 1).await;
    let again = world.dispatch("wh_1", "batch.completed").await;
    // What would have come of the repetition had come before this one.
    let other = world.dispatch("wh_2", "batch.completed").await;
    world.attempted(other, 1).await;

    assert_eq!(again, first);
    let ids: Vec<_> = receiver.calls().iter().map(|call| call.webhook_id().to_owned()).collect();
    assert_eq!(ids, ["wh_1", "wh_2"]);
}

#[tokio::test]
async fn connections_are_kept() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    world.endpoint(&receiver.url(), &["*"]).await;

    for n in 0..5 {
        let id = world.dispatch(&format!("wh_{n}"), "batch.completed").await;
        world.attempted(id, 1).await;
    }
    let connections: BTreeSet<_> = receiver.calls().iter().map(|call| call.connection).collect();
    assert!(connections.len() < 5, "none was used again");
}
