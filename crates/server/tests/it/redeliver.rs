//! Sending one again: by its delivery, or by its event.

use ringback_testkit::{Receiver, Reply};
use serde_json::{Value, json};

use crate::world::{NOW, World};

fn path(noun: &str, object: &Value) -> String {
    format!("/v1/webhook_{noun}/{}", object["id"].as_str().unwrap())
}

/// The one delivery of an event, when it has ended.
async fn ended(world: &World, event_id: &str) -> Value {
    let path = format!("/v1/webhook_events/{event_id}");
    let event = world.wait_for(&path, |event| event["state"] != "pending").await;
    assert_eq!(event["deliveries"].as_array().unwrap().len(), 1);
    event["deliveries"][0].clone()
}

#[tokio::test]
async fn a_dead_delivery_is_sent_again_as_a_new_one_under_the_same_webhook_id() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.enqueue([Reply::status(500)]);
    let endpoint = world.endpoint(&receiver.url(), json!({"retry_delays_secs": []})).await;
    let dead = ended(&world, &world.publish("a.b", "a").await).await;
    assert_eq!(dead["state"], "dead");
    world.turn(9);
    let redeliver = format!("{}/redeliver", path("deliveries", &dead));
    let new = world.api("POST", &redeliver, "").await.ok();
    assert_ne!(new["id"], dead["id"]);
    assert_eq!((&new["object"], &new["trigger"]), (&json!("webhook_delivery"), &json!("redelivery")));
    assert_eq!((&new["event_id"], &new["endpoint_id"]), (&dead["event_id"], &endpoint["id"]));
    assert_eq!((&new["created_at"], &new["event"]["object_id"]), (&json!(NOW + 9), &json!("a")));
    let done = world.wait_for(&path("deliveries", &new), |new| new["state"] == "delivered").await;
    assert_eq!(done["attempts"].as_array().unwrap().len(), 1);
    let (first, second) = (receiver.next().await, receiver.next().await);
    assert_eq!((first.webhook_id(), &first.body), (second.webhook_id(), &second.body));
    assert_eq!(
        world.get(&path("deliveries", &dead)).await.ok()["state"],
        "dead",
        "the old one stays as it was"
    );

    let mistaken = world.post(&redeliver, &json!({"endpoint_id": endpoint["id"]})).await;
    assert_eq!(mistaken.error(), (400, "unknown_parameter".to_owned()));
}

#[tokio::test]
async fn a_paused_endpoint_holds_it_a_disabled_one_is_409_and_a_deleted_one_404() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let endpoint = world.endpoint(&receiver.url(), json!({})).await;
    let event_id = world.publish("a.b", "a").await;
    let delivery = ended(&world, &event_id).await;
    let by_delivery = format!("{}/redeliver", path("deliveries", &delivery));
    let by_event = format!("/v1/webhook_events/{event_id}/redeliver");
    let named = json!({"endpoint_id": endpoint["id"]});
    let endpoint = path("endpoints", &endpoint);

    world.post(&endpoint, &json!({"paused": true})).await.ok();
    let held = world.post(&by_delivery, &json!({})).await.ok();
    assert_eq!((&held["state"], &held["in_flight"]), (&json!("pending"), &json!(false)));
    world.post(&endpoint, &json!({"disabled": true})).await.ok();
    for answer in [world.post(&by_delivery, &json!({})).await, world.post(&by_event, &named).await] {
        assert_eq!(answer.error(), (409, "endpoint_disabled".to_owned()));
        assert!(answer.message().contains(named["endpoint_id"].as_str().unwrap()), "{}", answer.message());
        assert_eq!(answer.header("x-should-retry"), Some("false"));
    }
    let nobody = world.post(&by_event, &json!({})).await;
    assert_eq!(nobody.error(), (409, "no_endpoint".to_owned()));
    assert_eq!(nobody.header("x-should-retry"), Some("false"));

    world.api("DELETE", &endpoint, "").await.ok();
    let gone = world.post(&by_delivery, &json!({})).await;
    assert_eq!(gone.error(), (404, "endpoint_deleted".to_owned()));
    assert!(gone.message().contains("endpoint of this delivery"), "{}", gone.message());
    let gone = world.post(&by_event, &named).await;
    assert_eq!((gone.error().0, gone.param().as_deref()), (404, Some("endpoint_id")));
    assert_eq!(receiver.call_count(), 1);
}

#[tokio::test]
async fn an_event_goes_to_whoever_wants_it_now_or_to_one_that_never_asked() {
    let world = World::start().await;
    let unrouted = world.publish("a.b", "a").await;
    let (wanting, other) = (Receiver::start().await, Receiver::start().await);
    let first = world.endpoint(&wanting.url(), json!({"event_types": ["a.*"]})).await;
    let second = world.endpoint(&wanting.url(), json!({})).await;
    let third = world.endpoint(&other.url(), json!({"event_types": ["z.*"]})).await;
    let redeliver = format!("/v1/webhook_events/{unrouted}/redeliver");

    let list = world.api("POST", &redeliver, "").await.ok();
    let data = list["data"].as_array().unwrap();
    assert_eq!((&list["object"], &list["has_more"], data.len()), (&json!("list"), &json!(false), 2));
    assert_eq!((&list["first_id"], &list["last_id"]), (&data[0]["id"], &data[1]["id"]));
    assert_eq!((&data[0]["endpoint_id"], &data[1]["endpoint_id"]), (&first["id"], &second["id"]));
    assert!(data.iter().all(|it| it["trigger"] == "redelivery" && it["event"]["type"] == "a.b"));
    assert!(data.iter().all(|it| it.get("attempts").is_none()));
    assert_eq!(wanting.next().await.webhook_id(), wanting.next().await.webhook_id());

    let list = world.post(&redeliver, &json!({"endpoint_id": third["id"]})).await.ok();
    assert_eq!(list["data"].as_array().unwrap().len(), 1, "the new ones alone");
    assert_eq!(list["data"][0]["endpoint_id"], third["id"]);
    other.next().await;
}

#[tokio::test]
async fn what_is_wrong_with_an_events_redelivery_is_named() {
    let world = World::start().await;
    let event = world.publish("a.b", "a").await;
    let redeliver = format!("/v1/webhook_events/{event}/redeliver");
    for (body, status, code, param) in [
        (json!({"endpoint_id": 1}), 400, "invalid_type", Some("endpoint_id")),
        (json!({"endpoint_id": "x"}), 400, "invalid_value", Some("endpoint_id")),
        (json!({"endpoint_id": "whe_01jy00000000000000000000ab"}), 404, "not_found", Some("endpoint_id")),
        (json!({"endpoint": "x"}), 400, "unknown_parameter", Some("endpoint")),
        (json!({}), 409, "no_endpoint", None),
    ] {
        let answer = world.post(&redeliver, &body).await;
        assert_eq!(answer.error(), (status, code.to_owned()), "{body}");
        assert_eq!(answer.param().as_deref(), param, "{body}");
    }
    let unknown =
        world.post("/v1/webhook_events/whev_01jy00000000000000000000ab/redeliver", &json!({})).await;
    assert_eq!(unknown.error(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn under_one_idempotency_key_it_is_sent_again_once() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    world.endpoint(&receiver.url(), json!({})).await;
    let event = world.publish("a.b", "a").await;
    let delivery = ended(&world, &event).await;
    let by_delivery = format!("{}/redeliver", path("deliveries", &delivery));
    for redeliver in [by_delivery, format!("/v1/webhook_events/{event}/redeliver")] {
        let first = world.post_once("k", &redeliver, &json!({})).await;
        let again = world.post_once("k", &redeliver, &json!({})).await;
        assert_eq!(again.ok(), first.ok());
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
    }
    let all = world.get(&format!("/v1/webhook_deliveries?event_id={event}")).await.ok();
    assert_eq!(all["data"].as_array().unwrap().len(), 3);
}
