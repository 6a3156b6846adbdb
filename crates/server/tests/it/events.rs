//! `/v1/webhook_events`, from the call that came in to the attempts that were made.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::world::{EVENT, NOW, World};

/// Answers one call with this, and gives its URL.
async fn receiver(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let serve = async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        while !read.ends_with(EVENT) {
            assert!(stream.read_buf(&mut read).await.unwrap() > 0);
        }
        stream.write_all(answer).await.unwrap();
    };
    #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
    tokio::spawn(serve);
    url
}

#[tokio::test]
async fn an_event_that_nobody_wants_is_visibly_unrouted() {
    let world = World::start().await;
    let source = world.source().await;
    let receipt = world.signed_call(&source, "wh_1", EVENT).await.ok();
    let id = receipt["event_id"].as_str().unwrap();
    let event = world.get(&format!("/v1/webhook_events/{id}")).await.ok();
    assert_eq!(
        event,
        json!({
            "id": id, "object": "webhook_event", "created_at": NOW, "type": "response.completed",
            "source_id": source.id, "webhook_id": "wh_1", "upstream_event_id": "evt_1", "object_id": "resp_1",
            "payload_bytes": EVENT.len(), "state": "unrouted",
            "payload": serde_json::from_slice::<Value>(EVENT).unwrap(), "deliveries": [],
        })
    );
}

#[tokio::test]
async fn a_delivery_shows_its_attempts() {
    let world = World::start().await;
    let source = world.source().await;
    let url = receiver(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nthanks\xff").await;
    let body = json!({"name": "app", "url": url, "event_types": ["response.*"]});
    let endpoint = world.post("/v1/webhook_endpoints", &body).await.ok();
    let receipt = world.signed_call(&source, "wh_1", EVENT).await.ok();
    let path = format!("/v1/webhook_events/{}", receipt["event_id"].as_str().unwrap());
    let event = world.wait_for(&path, |event| event["state"] == "delivered").await;

    let delivery = &event["deliveries"][0];
    assert_eq!((&delivery["object"], &delivery["trigger"]), (&json!("webhook_delivery"), &json!("event")));
    assert_eq!((&delivery["event_id"], &delivery["endpoint_id"]), (&event["id"], &endpoint["id"]));
    assert_eq!((&delivery["state"], &delivery["end_reason"]), (&json!("delivered"), &Value::Null));
    assert_eq!((&delivery["attempt_count"], &delivery["in_flight"]), (&json!(1), &json!(false)));
    assert_eq!((&delivery["next_attempt_at"], &delivery["finished_at"]), (&Value::Null, &json!(NOW)));
    let attempt = &delivery["attempts"][0];
    assert_eq!((&attempt["object"], &attempt["number"]), (&json!("webhook_attempt"), &json!(1)));
    assert_eq!((&attempt["outcome"], &attempt["status_code"]), (&json!("succeeded"), &json!(200)));
    assert_eq!((&attempt["error"], &attempt["started_at"]), (&Value::Null, &json!(NOW)));
    assert_eq!(attempt["response_body"], "thanks\u{fffd}");
    assert!(attempt["duration_ms"].is_u64() && attempt["id"].as_str().unwrap().starts_with("wha_"));
}

#[tokio::test]
async fn a_failed_attempt_says_why_and_when_the_next_is() {
    let world = World::start().await;
    let source = world.source().await;
    let body = json!({"name": "app", "url": "http://127.0.0.1:1/", "event_types": ["*"]});
    world.post("/v1/webhook_endpoints", &body).await.ok();
    let receipt = world.signed_call(&source, "wh_1", EVENT).await.ok();
    let path = format!("/v1/webhook_events/{}", receipt["event_id"].as_str().unwrap());
    let event = world.wait_for(&path, |event| event["deliveries"][0]["attempt_count"] == 1).await;
    let delivery = &event["deliveries"][0];
    assert_eq!((&event["state"], &delivery["state"]), (&json!("pending"), &json!("pending")));
    assert_eq!((&delivery["next_attempt_at"], &delivery["finished_at"]), (&json!(NOW + 5), &Value::Null));
    let attempt = &delivery["attempts"][0];
    assert_eq!((&attempt["outcome"], &attempt["status_code"]), (&json!("unreachable"), &Value::Null));
    assert!(attempt["error"].as_str().unwrap().contains("refused"), "{attempt}");
}

#[tokio::test]
async fn a_payload_comes_back_byte_for_byte() {
    let world = World::start().await;
    let source = world.source().await;
    let body = "{ \"z\":1.10, \"type\" : \"a.b\",\n \"z\":2, \"é\":\"\\u00e9\" }\n";
    let receipt = world.signed_call(&source, "wh_1", body.as_bytes()).await.ok();
    let path = format!("/v1/webhook_events/{}", receipt["event_id"].as_str().unwrap());
    let raw = world.get(&format!("{path}/payload")).await;
    assert_eq!((raw.status, raw.body.as_slice()), (200, body.as_bytes()));
    assert_eq!(raw.header("content-type"), Some("application/json"));
    assert_eq!(raw.header("x-content-type-options"), Some("nosniff"));
    // In the event it is the same text too, not what a parser made of it.
    let event = world.get(&path).await;
    let event = String::from_utf8(event.body).unwrap();
    assert!(event.contains(&format!("\"payload\":{}", body.trim())), "{event}");
}

#[tokio::test]
async fn lists_are_filtered_by_type_and_object() {
    let world = World::start().await;
    let source = world.source().await;
    for (n, kind, object) in [
        (1, "batch.completed", "batch_1"),
        (2, "batch.failed", "batch_2"),
        (3, "eval.run.canceled", "run_1"),
        (4, "batch.completed", "batch_2"),
    ] {
        let body = json!({"type": kind, "data": {"id": object}}).to_string();
        world.signed_call(&source, &format!("wh_{n}"), body.as_bytes()).await.ok();
    }
    for (query, expected) in [
        ("", vec!["wh_4", "wh_3", "wh_2", "wh_1"]),
        ("order=asc&limit=2", vec!["wh_1", "wh_2"]),
        ("type=batch.completed", vec!["wh_4", "wh_1"]),
        ("object_id=batch_2", vec!["wh_4", "wh_2"]),
        ("object_id=batch_2&type=batch.failed", vec!["wh_2"]),
        ("type=eval.run.cancelled", vec!["wh_3"]),
        ("type=galaxy.exploded", vec![]),
    ] {
        let list = world.get(&format!("/v1/webhook_events?{query}")).await.ok();
        let found: Vec<_> =
            list["data"].as_array().unwrap().iter().map(|e| e["webhook_id"].as_str().unwrap()).collect();
        assert_eq!(found, expected, "{query}");
        assert!(list["data"].as_array().unwrap().iter().all(|event| event.get("payload").is_none()));
    }
    let wrong = world.get("/v1/webhook_events?object=batch_2").await;
    assert_eq!(wrong.error(), (400, "unknown_parameter".to_owned()));
    assert!(wrong.message().contains("did you mean `object_id`?"), "{}", wrong.message());
}
