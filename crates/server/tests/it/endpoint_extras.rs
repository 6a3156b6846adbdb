//! Ringback's optional fields of an endpoint: read back, updated, and on the wire.

use ringback_testkit::{Receiver, Reply};
use serde_json::{Value, json};

use crate::world::World;

fn path(endpoint: &Value) -> String {
    format!("/v1/webhook_endpoints/{}", endpoint["id"].as_str().unwrap())
}

#[tokio::test]
async fn each_is_read_back_updated_and_taken_away() {
    let world = World::start().await;
    let given = json!({
        "description": "bills the customers", "timeout_secs": 5, "headers": {"X-Team": "billing", "x-env": "prod"},
        "authentication": {"type": "basic", "username": "ringback", "password": ""},
        "no_retry_statuses": [422, 400, 422], "paused": true,
    });
    let made = world.endpoint("https://app.example/", given).await;
    let shown = world.get(&path(&made)).await.ok();
    for (field, expected) in [
        ("description", json!("bills the customers")),
        ("timeout_secs", json!(5)),
        ("headers", json!({"x-env": "prod", "x-team": "billing"})),
        ("authentication", json!({"type": "basic", "username": "ringback"})),
        ("no_retry_statuses", json!([400, 422])),
        ("paused", json!(true)),
    ] {
        assert_eq!(shown[field], expected, "{field}");
    }
    let nothing = json!({"description": null, "headers": {}, "authentication": null, "no_retry_statuses": [], "paused": false});
    let cleared = world.post(&path(&made), &nothing).await.ok();
    for (field, expected) in [
        ("description", Value::Null),
        ("headers", json!({})),
        ("authentication", Value::Null),
        ("no_retry_statuses", json!([])),
        ("paused", json!(false)),
        ("timeout_secs", json!(5)),
    ] {
        assert_eq!(cleared[field], expected, "{field}");
    }
}

#[tokio::test]
async fn what_an_attempt_cannot_carry_is_refused_with_its_reason() {
    let world = World::start().await;
    for (field, value, code) in [
        ("headers", json!({"host": "x"}), "invalid_value"),
        ("headers", json!({"Connection": "close"}), "invalid_value"),
        ("headers", json!({"transfer-encoding": "chunked"}), "invalid_value"),
        ("headers", json!({"webhook-signature": "v1,x"}), "invalid_value"),
        ("headers", json!({"webhook-anything": "x"}), "invalid_value"),
        ("headers", json!({"authorization": "Bearer x"}), "invalid_value"),
        ("headers", json!({"content-type": "text/plain"}), "invalid_value"),
        ("headers", json!({"user-agent": "x"}), "invalid_value"),
        ("headers", json!({"x y": "x"}), "invalid_value"),
        ("headers", json!({"": "x"}), "invalid_value"),
        ("headers", json!({"x-a": "1", "X-A": "2"}), "invalid_value"),
        ("headers", json!({"x-a": "line\nbreak"}), "invalid_value"),
        ("headers", json!({"x-a": "é"}), "invalid_value"),
        ("headers", json!({"x-a": 1}), "invalid_value"),
        ("headers", json!({"x-a": "x".repeat(4097)}), "invalid_value"),
        ("headers", json!(["x-a"]), "invalid_type"),
        ("authentication", json!("Bearer x"), "invalid_type"),
        ("authentication", json!({"type": "digest"}), "invalid_value"),
        ("authentication", json!({"type": "bearer", "token": "a b"}), "invalid_value"),
        ("authentication", json!({"type": "basic", "username": "a:b", "password": "x"}), "invalid_value"),
        ("no_retry_statuses", json!([200]), "invalid_value"),
        ("no_retry_statuses", json!([299]), "invalid_value"),
        ("no_retry_statuses", json!([600]), "invalid_value"),
        ("no_retry_statuses", json!(["410"]), "invalid_value"),
        ("no_retry_statuses", json!(410), "invalid_type"),
        ("description", json!("x".repeat(1025)), "string_above_max_length"),
        ("signature_scheme", json!("v3"), "invalid_value"),
    ] {
        let mut body = json!({"name": "a", "url": "https://app.example/", "event_types": ["*"]});
        body[field] = value.clone();
        let answer = world.post("/v1/webhook_endpoints", &body).await;
        assert_eq!(answer.error(), (400, code.to_owned()), "{field} {value}");
        assert_eq!(answer.param().as_deref(), Some(field), "{field} {value}");
    }
    for (field, value, param) in [
        ("authentication", json!({}), "authentication.type"),
        ("authentication", json!({"type": "bearer"}), "authentication.token"),
        ("authentication", json!({"type": "basic", "username": "a"}), "authentication.password"),
    ] {
        let mut body = json!({"name": "a", "url": "https://app.example/", "event_types": ["*"]});
        body[field] = value;
        let answer = world.post("/v1/webhook_endpoints", &body).await;
        assert_eq!(answer.error(), (400, "missing_required_parameter".to_owned()));
        assert_eq!(answer.param().as_deref(), Some(param));
    }
}

#[tokio::test]
async fn headers_and_authentication_go_with_every_attempt() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let bearer =
        json!({"headers": {"x-team": "billing"}, "authentication": {"type": "bearer", "token": "t0ken"}});
    let endpoint = world.endpoint(&receiver.url(), bearer).await;
    world.post("/v1/webhook_events", &json!({"type": "a.b", "data": {}})).await.ok();
    let call = receiver.next().await;
    assert_eq!(call.header("authorization"), "Bearer t0ken");
    assert_eq!(call.header("x-team"), "billing");
    assert_eq!(call.header("content-type"), "application/json");

    let basic =
        json!({"authentication": {"type": "basic", "username": "Aladdin", "password": "open sesame"}});
    world.post(&path(&endpoint), &basic).await.ok();
    world.post("/v1/webhook_events", &json!({"type": "a.b", "data": {}})).await.ok();
    // The example of RFC 7617, section 2.
    assert_eq!(receiver.next().await.header("authorization"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

#[tokio::test]
async fn a_status_named_final_ends_a_delivery_at_once() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.enqueue([Reply::status(422)]);
    world.endpoint(&receiver.url(), json!({"no_retry_statuses": [422]})).await;
    let published = world.post("/v1/webhook_events", &json!({"type": "a.b", "data": {}})).await.ok();
    let path = format!("/v1/webhook_events/{}", published["id"].as_str().unwrap());
    let event = world.wait_for(&path, |event| event["state"] == "dead").await;
    let delivery = &event["deliveries"][0];
    assert_eq!((&delivery["state"], &delivery["end_reason"]), (&json!("dead"), &json!("no_retry_status")));
    assert_eq!(delivery["attempts"].as_array().unwrap().len(), 1);
}
