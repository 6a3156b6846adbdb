//! `POST /v1/webhook_events` and `/batch`.

use ringback_domain::Timestamp;
use ringback_testkit::Receiver;
use ringback_webhook::SigningSecret;
use serde_json::{Value, json};

use crate::world::{NOW, World, signed};

const ONE: &str = "/v1/webhook_events";
const BATCH: &str = "/v1/webhook_events/batch";

#[tokio::test]
async fn what_is_published_is_delivered_in_openai_s_envelope_with_its_data_as_it_was_written() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let endpoint = world.endpoint(&receiver.url(), json!({"event_types": ["order.*"]})).await;
    let body = r#"{"webhook_id":"wh_mine","data":{"z": 1.0e2,"a":"\u00e9", "id":"ord_1"},"created_at":7,"type":"order.paid"}"#;
    let published = world.api("POST", ONE, body).await.ok();
    let id = published["id"].as_str().unwrap();
    let expected = json!({
        "id": id, "object": "webhook_event", "type": "order.paid", "webhook_id": "wh_mine", "duplicate": false,
    });
    assert_eq!(published, expected);

    let call = receiver.next().await;
    let secret = SigningSecret::parse(endpoint["signing_secret"].as_str().unwrap()).unwrap();
    call.assert_verifies(&secret, Timestamp::from_unix_secs(NOW));
    assert_eq!(call.webhook_id(), "wh_mine");
    let sent = String::from_utf8(call.body.to_vec()).unwrap();
    let evt = serde_json::from_str::<Value>(&sent).unwrap()["id"].as_str().unwrap().to_owned();
    assert!(evt.starts_with("evt_") && evt.len() == 36, "{evt}");
    let data = r#"{"z": 1.0e2,"a":"\u00e9", "id":"ord_1"}"#;
    assert_eq!(
        sent,
        format!(r#"{{"object":"event","id":"{evt}","type":"order.paid","created_at":7,"data":{data}}}"#)
    );

    let event = world.wait_for(&format!("{ONE}/{id}"), |event| event["state"] == "delivered").await;
    assert_eq!((&event["object_id"], &event["upstream_event_id"]), (&json!("ord_1"), &json!(evt)));
    let source =
        world.get(&format!("/v1/webhook_sources/{}", event["source_id"].as_str().unwrap())).await.ok();
    assert_eq!((&source["kind"], &source["url"]), (&json!("publish"), &Value::Null));
    assert_eq!(
        world.get("/v1/webhook_receipts").await.ok()["data"],
        json!([]),
        "nobody called an ingest URL"
    );
}

#[tokio::test]
async fn what_is_left_out_is_made() {
    let world = World::start().await;
    let published = world.post(ONE, &json!({"type": "a.b", "data": {}})).await.ok();
    assert!(published["webhook_id"].as_str().unwrap().starts_with("wh_"));
    let event = world.get(&format!("{ONE}/{}", published["id"].as_str().unwrap())).await.ok();
    assert_eq!(event["payload"]["created_at"], json!(NOW));
    let another = world.post(ONE, &json!({"type": "a.b", "data": {}})).await.ok();
    assert_ne!(another["id"], published["id"], "without an id of its own every event is another one");
}

#[tokio::test]
async fn a_repeated_webhook_id_makes_nothing_twice_and_never_stands_for_two_events() {
    let world = World::start().await;
    let body = json!({"type": "a.b", "data": {"n": 1}, "webhook_id": "wh_1"});
    let first = world.post(ONE, &body).await.ok();
    world.turn(3600);
    let again = world.post(ONE, &body).await.ok();
    assert_eq!((&again["id"], &again["duplicate"]), (&first["id"], &json!(true)));
    let other = world.post(ONE, &json!({"type": "a.b", "data": {"n": 2}, "webhook_id": "wh_1"})).await;
    assert_eq!(other.error(), (409, "webhook_id_taken".to_owned()));
    assert_eq!(
        (other.param().as_deref(), other.header("x-should-retry")),
        (Some("webhook_id"), Some("false"))
    );
    assert_eq!(world.get(ONE).await.ok()["data"].as_array().unwrap().len(), 1);

    // An ingest URL is another source, with ids of its own.
    let source = world.source().await;
    let body = br#"{"type":"a.b","data":{}}"#;
    world.call(&source.path, &signed("wh_1", NOW + 3600, body).borrowed(), body).await.ok();
    assert_eq!(world.get(ONE).await.ok()["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_batch_is_all_or_nothing_and_answers_item_by_item() {
    let world = World::start().await;
    let event = |n: u32, id: &str| json!({"type": "a.b", "data": {"n": n}, "webhook_id": id});
    world.post(ONE, &event(1, "wh_1")).await.ok();
    let batch = json!({"events": [event(1, "wh_1"), event(2, "wh_2"), event(2, "wh_2"), {"type": "c.d", "data": {}}]});
    let answer = world.post(BATCH, &batch).await.ok();
    assert_eq!(answer["object"], "list");
    let duplicates: Vec<_> =
        answer["data"].as_array().unwrap().iter().map(|item| &item["duplicate"]).collect();
    assert_eq!(duplicates, [true, false, true, false]);
    assert_eq!(answer["data"][1]["id"], answer["data"][2]["id"]);
    assert_eq!(world.get(ONE).await.ok()["data"].as_array().unwrap().len(), 3);

    for (events, param) in [
        (json!([event(4, "wh_4"), event(9, "wh_1")]), "events[1].webhook_id"),
        (json!([event(4, "wh_4"), event(5, "wh_4")]), "events[1].webhook_id"),
    ] {
        let answer = world.post(BATCH, &json!({"events": events})).await;
        assert_eq!(answer.error(), (409, "webhook_id_taken".to_owned()));
        assert_eq!(answer.param().as_deref(), Some(param));
    }
    let bad = world.post(BATCH, &json!({"events": [event(6, "wh_6"), {"type": "a.b"}]})).await;
    assert_eq!(bad.error(), (400, "missing_required_parameter".to_owned()));
    assert_eq!(bad.param().as_deref(), Some("events[1].data"));
    assert_eq!(
        world.get(ONE).await.ok()["data"].as_array().unwrap().len(),
        3,
        "nothing of a refused batch is kept"
    );
}

#[tokio::test]
async fn a_batch_of_a_thousand_is_taken_and_one_more_is_not() {
    let world = World::start().await;
    let events = |count: usize| json!({"events": vec![json!({"type": "a.b", "data": {"id": "x"}}); count]});
    let answer = world.post(BATCH, &events(1000)).await.ok();
    assert_eq!(answer["data"].as_array().unwrap().len(), 1000);
    let more = world.post(BATCH, &events(1001)).await;
    assert_eq!(more.error(), (400, "array_above_max_length".to_owned()));
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let world = World::start().await;
    for (body, code, param) in [
        (r#"{"data":{}}"#, "missing_required_parameter", Some("type")),
        (r#"{"type":"a.b"}"#, "missing_required_parameter", Some("data")),
        (r#"{"type":"a.b","data":null}"#, "missing_required_parameter", Some("data")),
        (r#"{"type":"a.b","data":[]}"#, "invalid_type", Some("data")),
        (r#"{"type":"a","data":{}}"#, "invalid_value", Some("type")),
        (r#"{"type":"a b.c","data":{}}"#, "invalid_value", Some("type")),
        (r#"{"type":7,"data":{}}"#, "invalid_type", Some("type")),
        (r#"{"type":"a.b","data":{},"webhook_id":"a.b"}"#, "invalid_value", Some("webhook_id")),
        (r#"{"type":"a.b","data":{},"webhook_id":"a b"}"#, "invalid_value", Some("webhook_id")),
        (r#"{"type":"a.b","data":{},"webhook_id":"\u0000"}"#, "invalid_value", Some("webhook_id")),
        (r#"{"type":"a.b","data":{},"webhook_id":""}"#, "string_below_min_length", Some("webhook_id")),
        (r#"{"type":"a.b","data":{},"created_at":-1}"#, "invalid_value", Some("created_at")),
        (r#"{"type":"a.b","data":{},"created_at":1.5}"#, "invalid_value", Some("created_at")),
        (r#"{"type":"a.b","data":{},"created_at":"now"}"#, "invalid_value", Some("created_at")),
        (r#"{"type":"a.b","data":{},"id":"evt_1"}"#, "unknown_parameter", Some("id")),
        (r#"{"type":"a.b","data":{},"data":{}}"#, "repeated_parameter", Some("data")),
        (r#"{"type":"a.b","type":"c.d","data":{}}"#, "repeated_parameter", Some("type")),
        (
            r#"{"type":"a.b","data":{},"webhook_id":"a","webhook_id":"b"}"#,
            "repeated_parameter",
            Some("webhook_id"),
        ),
        (r#"{"type":"a.b","data":{"#, "invalid_json", None),
        (r#"{"type":"a.b","data":{"x":"\ud800"}}"#, "invalid_json", None),
        ("[]", "invalid_json", None),
        ("", "missing_required_parameter", Some("type")),
    ] {
        let answer = world.api("POST", ONE, body).await;
        assert_eq!(answer.error(), (400, code.to_owned()), "{body}");
        assert_eq!(answer.param().as_deref(), param, "{body}");
    }
    for (body, code) in [
        ("", "invalid_json"),
        ("{}", "missing_required_parameter"),
        ("[]", "invalid_json"),
        (r#"{"events":{}}"#, "invalid_type"),
        (r#"{"events":[]}"#, "empty_array"),
        (r#"{"events":[7]}"#, "invalid_json"),
        (r#"{"event":[]}"#, "unknown_parameter"),
    ] {
        let answer = world.api("POST", BATCH, body).await;
        assert_eq!(answer.error(), (400, code.to_owned()), "{body}");
    }
    let among = world.api("POST", BATCH, r#"{"events":[{"type":"a.b","data":{}},5]}"#).await;
    assert_eq!(among.param().as_deref(), Some("events[1]"));
    assert_eq!(among.message(), "the event is not a JSON object");
    let deep = format!(
        r#"{{"type":"a.b","data":{}{}}}"#,
        "{\"a\":".repeat(5000),
        "1".to_owned() + &"}".repeat(5000)
    );
    assert_eq!(world.api("POST", ONE, &deep).await.error(), (400, "invalid_json".to_owned()));
}

#[tokio::test]
async fn nobodys_publications_keep_calls_or_another_projects_out() {
    let world = World::with(|settings| {
        settings.max_body_bytes = 2048;
        settings.max_batch_bytes = 2048;
        settings.max_ingest_bytes = 4096;
        settings.max_ingest_bytes_per_source = 2048;
    })
    .await;
    let (_, key) = world.project("slow").await;
    let source = world.source().await;
    let mut slow = world.connect().await;
    let head = format!(
        "POST {BATCH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: 2048\r\n\r\n {{"
    );
    slow.write(head.as_bytes()).await;
    let event = json!({"type": "a.b", "data": {}});
    let theirs = async || world.api_as(&key, &[], "POST", ONE, &event.to_string()).await;
    let mut refused = theirs().await;
    for _ in 0..200 {
        // The slow one may not have been looked at yet.
        if refused.status == 503 {
            break;
        }
        refused = theirs().await;
    }
    assert_eq!(refused.error(), (503, "source_overloaded".to_owned()), "its own share is taken");
    assert_eq!(world.post(ONE, &event).await.status, 200, "another project's is not");
    assert_eq!(world.signed_call(&source, "wh_1", br#"{"type":"a.b","data":{}}"#).await.status, 200);
}

#[tokio::test]
async fn a_batch_that_comes_to_too_many_deliveries_is_to_be_made_smaller() {
    let world = World::start().await;
    for _ in 0..21 {
        world.endpoint("https://app.example/", json!({"event_types": ["order.*"], "paused": true})).await;
    }
    let events = |count: usize| json!({"events": vec![json!({"type": "order.paid", "data": {}}); count]});
    let refused = world.post(BATCH, &events(953)).await;
    assert_eq!(refused.error(), (409, "limit_reached".to_owned()));
    assert!(refused.message().contains("make it smaller"), "{}", refused.message());
    assert_eq!(world.get(ONE).await.ok()["data"], json!([]), "nothing of it is kept");
    world.post(BATCH, &events(952)).await.ok();
}

#[tokio::test]
async fn what_is_too_large_is_413_or_named() {
    let world = World::with(|settings| {
        settings.max_body_bytes = 1000;
        settings.max_batch_bytes = 5000;
    })
    .await;
    let event = |bytes: usize| json!({"type": "a.b", "data": {"x": "x".repeat(bytes)}});
    assert_eq!(world.post(ONE, &event(1000)).await.error(), (413, "body_too_large".to_owned()));
    // Within the limit as it came, above it in its envelope.
    let grown = world.post(ONE, &event(950)).await;
    assert_eq!((grown.error(), grown.param().as_deref()), ((400, "invalid_value".to_owned()), Some("data")));
    let batch = world.post(BATCH, &json!({"events": [event(10), event(2000)]})).await;
    assert_eq!(batch.param().as_deref(), Some("events[1].data"));
    let batch = world.post(BATCH, &json!({"events": vec![event(600); 9]})).await;
    assert_eq!(batch.error(), (413, "body_too_large".to_owned()));
    assert_eq!(world.get(ONE).await.ok()["data"], json!([]));
}
