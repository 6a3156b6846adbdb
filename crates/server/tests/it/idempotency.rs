//! `Idempotency-Key`.

use ringback_testkit::{Gate, Receiver, Reply};
use serde_json::json;

use crate::world::{KEY, World};

const EVENTS: &str = "/v1/webhook_events";
const ENDPOINTS: &str = "/v1/webhook_endpoints";

#[tokio::test]
async fn a_repetition_is_answered_as_the_first_was_and_makes_nothing() {
    let world = World::start().await;
    let body = json!({"name": "app", "url": "https://app.example/", "event_types": ["*"]});
    let first = world.post_once("k 1!", ENDPOINTS, &body).await;
    assert_eq!(first.header("idempotent-replayed"), None);
    world.clock.turn(3600);
    let again = world.post_once("k 1!", ENDPOINTS, &body).await;
    assert_eq!(again.ok(), first.ok(), "with its secret");
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(world.get(ENDPOINTS).await.ok()["data"].as_array().unwrap().len(), 1);

    let published = world.post_once("k 1!", EVENTS, &json!({"type": "a.b", "data": {}})).await.ok();
    let again = world.post_once("k 1!", EVENTS, &json!({"type": "a.b", "data": {}})).await;
    assert_eq!(again.ok(), published, "another path is another key");
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
}

#[tokio::test]
async fn another_body_is_422_and_another_key_or_project_is_another_request() {
    let world = World::start().await;
    let event = |n: u32| json!({"type": "a.b", "data": {"n": n}});
    let first = world.post_once("k", EVENTS, &event(1)).await.ok();
    let other = world.post_once("k", EVENTS, &event(2)).await;
    assert_eq!(other.error(), (422, "idempotency_key_reused".to_owned()));
    assert_ne!(world.post_once("k2", EVENTS, &event(1)).await.ok()["id"], first["id"]);
    let (_, key) = world.project("shop").await;
    let headers = [("idempotency-key", "k")];
    let theirs = world.api_as(&key, &headers, "POST", EVENTS, &event(2).to_string()).await.ok();
    assert_ne!(theirs["webhook_id"], first["webhook_id"]);
}

#[tokio::test]
async fn an_answer_is_kept_for_24_hours() {
    let world = World::start().await;
    let body = json!({"name": "shop"});
    let projects = "/v1/organization/projects";
    let first = world.post_once("k", projects, &body).await.ok();
    world.clock.turn(24 * 3600);
    assert_eq!(world.post_once("k", projects, &body).await.ok(), first);
    world.clock.turn(1);
    let again = world.post_once("k", projects, &body).await;
    assert_eq!(again.error(), (400, "name_taken".to_owned()), "it was run again");
}

#[tokio::test]
async fn what_can_never_succeed_is_answered_again_and_what_may_later_is_run_again() {
    let world = World::start().await;
    let bad = json!({"type": "a", "data": {}});
    let first = world.post_once("bad", EVENTS, &bad).await;
    let again = world.post_once("bad", EVENTS, &bad).await;
    assert_eq!((again.error(), &again.body), (first.error(), &first.body));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));

    let receiver = Receiver::start().await;
    receiver.enqueue([Reply::reset()]);
    let endpoint = world.endpoint(&receiver.url(), json!({})).await;
    let test = format!("{ENDPOINTS}/{}/test", endpoint["id"].as_str().unwrap());
    let body = json!({"event_type": "batch.completed"});
    assert_eq!(world.post_once("t", &test, &body).await.error().0, 502);
    assert_eq!(world.post_once("t", &test, &body).await.ok()["status_code"], json!(200), "tested again");
}

#[tokio::test]
async fn while_the_first_runs_the_second_is_409_and_to_come_back() {
    let world = World::start().await;
    let (receiver, gate) = (Receiver::start().await, Gate::shut());
    receiver.enqueue([Reply::status(204).behind(&gate)]);
    let endpoint = world.endpoint(&receiver.url(), json!({})).await;
    let test = format!("{ENDPOINTS}/{}/test", endpoint["id"].as_str().unwrap());
    let body = json!({"event_type": "batch.completed"});
    let asked_meanwhile = async {
        receiver.running(1).await;
        let second = world.post_once("k", &test, &body).await;
        gate.open();
        second
    };
    let (first, second) = tokio::join!(world.post_once("k", &test, &body), asked_meanwhile);
    assert_eq!(second.error(), (409, "idempotency_key_in_use".to_owned()));
    assert_eq!(second.header("retry-after"), Some("1"));
    assert_eq!(first.ok()["status_code"], json!(204));
    assert_eq!(world.post_once("k", &test, &body).await.ok(), first.ok());
    assert_eq!(receiver.call_count(), 1);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_undo_what_it_asked_for() {
    let world = World::start().await;
    let (receiver, gate) = (Receiver::start().await, Gate::shut());
    receiver.enqueue([Reply::status(204).behind(&gate)]);
    let endpoint = world.endpoint(&receiver.url(), json!({})).await;
    let test = format!("{ENDPOINTS}/{}/test", endpoint["id"].as_str().unwrap());
    let body = json!({"event_type": "batch.completed"});
    {
        let mut client = world.connect().await;
        let text = body.to_string();
        let head = format!(
            "POST {test} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\nidempotency-key: k\r\ncontent-length: {}\r\n\r\n",
            text.len()
        );
        client.write(head.as_bytes()).await;
        client.write(text.as_bytes()).await;
        receiver.running(1).await;
    }
    gate.open();
    let answer = loop {
        let answer = world.post_once("k", &test, &body).await;
        if answer.status != 409 {
            break answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    assert_eq!(answer.ok()["status_code"], json!(204));
    assert_eq!(receiver.call_count(), 1);
}

#[tokio::test]
async fn ids_made_from_a_key_are_the_same_whenever_it_is_run() {
    let world = World::start().await;
    let events = json!({"events": [{"type": "a.b", "data": {"n": 1}}, {"type": "a.b", "data": {"n": 2}}]});
    let first = world.post_once("k", "/v1/webhook_events/batch", &events).await.ok();
    assert_ne!(first["data"][0]["webhook_id"], first["data"][1]["webhook_id"]);
    // The answer is forgotten, the events are not: as after a crash between the two, the request is run again.
    world.clock.turn(24 * 3600 + 1);
    let again = world.post_once("k", "/v1/webhook_events/batch", &events).await.ok();
    for index in 0..2 {
        assert_eq!(again["data"][index]["id"], first["data"][index]["id"]);
        assert_eq!(again["data"][index]["duplicate"], json!(true));
    }
}

#[tokio::test]
async fn a_wrong_key_is_named_and_other_methods_have_none() {
    let world = World::start().await;
    for key in ["".to_owned(), "x".repeat(256), "\u{e9}".to_owned(), "a\tb".to_owned()] {
        let answer = world.post_once(&key, EVENTS, &json!({"type": "a.b", "data": {}})).await;
        assert_eq!(answer.error(), (400, "invalid_value".to_owned()), "{key:?}");
        assert_eq!(answer.param().as_deref(), Some("Idempotency-Key"));
    }
    let twice = [("idempotency-key", "a"), ("idempotency-key", "b")];
    let answer = world.api_as(KEY, &twice, "POST", EVENTS, "{}").await;
    assert_eq!(answer.error(), (400, "invalid_value".to_owned()));
    assert_eq!(world.api_as(KEY, &[("idempotency-key", "")], "GET", EVENTS, "").await.status, 200);
    let stranger = world.api_as("wrong", &[("idempotency-key", "a")], "POST", EVENTS, "{}").await;
    assert_eq!(stranger.error(), (401, "invalid_api_key".to_owned()));
}
