//! `/v1/webhook_deliveries`: listed, looked at, called off.

use ringback_testkit::{Gate, Receiver, Reply};
use serde_json::{Value, json};

use crate::world::{NOW, World};

const DELIVERIES: &str = "/v1/webhook_deliveries";

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

/// The ids that a query finds.
async fn found(world: &World, query: &str) -> Vec<String> {
    let list = world.get(&format!("{DELIVERIES}?{query}")).await.ok();
    list["data"].as_array().unwrap().iter().map(|delivery| id(delivery).to_owned()).collect()
}

#[tokio::test]
async fn one_is_shown_with_its_event_and_its_attempts() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let endpoint = world.endpoint(&receiver.url(), json!({})).await;
    let body = json!({"type": "order.paid", "data": {"id": "order_1"}, "webhook_id": "wh_1"});
    let event = world.post("/v1/webhook_events", &body).await.ok();
    let list = format!("{DELIVERIES}?event_id={}&state=delivered", id(&event));
    let list = world.wait_for(&list, |list| list["data"][0].is_object()).await;
    let mut expected = json!({
        "id": list["data"][0]["id"], "object": "webhook_delivery", "created_at": NOW, "event_id": event["id"],
        "endpoint_id": endpoint["id"], "trigger": "event", "replay_id": null, "state": "delivered", "end_reason": null,
        "attempt_count": 1, "next_attempt_at": null, "expires_at": null, "in_flight": false, "held_by": null,
        "finished_at": NOW,
        "event": {"type": "order.paid", "webhook_id": "wh_1", "object_id": "order_1"},
    });
    assert_eq!(list["data"], json!([expected]));
    let whole = world.get(&format!("{DELIVERIES}/{}", id(&expected))).await.ok();
    assert_eq!(whole["attempts"][0]["status_code"], json!(200));
    expected["attempts"] = whole["attempts"].clone();
    assert_eq!(whole, expected);

    let event = world.get(&format!("/v1/webhook_events/{}", id(&event))).await.ok();
    expected.as_object_mut().unwrap().remove("event");
    assert_eq!(event["deliveries"], json!([expected]), "the event shows the same, without itself");
}

#[tokio::test]
async fn lists_are_filtered_by_each_of_four_and_by_all_together() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let open = world.endpoint(&receiver.url(), json!({})).await;
    let held = world.endpoint("https://app.example/", json!({"paused": true})).await;
    let (first, second) = (world.publish("a.b", "a").await, world.publish("a.b", "b").await);
    world.wait_for(&format!("{DELIVERIES}?state=delivered"), |list| list["data"][1].is_object()).await;
    let all = found(&world, "").await;
    assert_eq!(all.len(), 4);
    assert!(all.is_sorted_by(|a, b| a > b), "newest first");

    let held = id(&held);
    let pending = found(&world, "state=pending").await;
    assert_eq!(pending, found(&world, &format!("endpoint_id={held}")).await);
    assert_eq!(pending.len(), 2);
    let narrow = found(&world, &format!("endpoint_id={held}&event_id={first}&state=pending")).await;
    assert_eq!(narrow, [pending[1].clone()]);
    let delivered = found(&world, &format!("event_id={second}&state=delivered")).await;
    assert_eq!(delivered, found(&world, &format!("event_id={second}&endpoint_id={}", id(&open))).await);
    let none = Vec::<String>::new();
    assert_eq!(found(&world, "state=dead").await, none);
    assert_eq!(found(&world, &format!("endpoint_id={held}&state=cancelled")).await, none);

    let path = format!("{DELIVERIES}?limit=3&order=asc");
    let part = world.get(&path).await.ok();
    assert_eq!((&part["has_more"], &part["first_id"]), (&json!(true), &json!(all[3])));
    let rest = world.get(&format!("{path}&after={}", part["last_id"].as_str().unwrap())).await.ok();
    assert_eq!((&rest["has_more"], id(&rest["data"][0])), (&json!(false), all[0].as_str()));

    world.api("DELETE", &format!("/v1/webhook_endpoints/{held}"), "").await.ok();
    let kept = format!("endpoint_id={held}&state=cancelled");
    assert_eq!(found(&world, &kept).await, pending, "what a deleted endpoint had is there still");
}

#[tokio::test]
async fn a_query_that_cannot_be_meant_is_told_so() {
    let world = World::start().await;
    for (query, code, param, hint) in [
        ("state=ded", "invalid_value", "state", "did you mean `dead`?"),
        ("state=missed", "invalid_value", "state", "`cancelled`"),
        ("state=", "invalid_value", "state", "empty"),
        ("endpoint_id=whev_01jy00000000000000000000ab", "invalid_value", "endpoint_id", "`whe_`"),
        ("event_id=1", "invalid_value", "event_id", "webhook event"),
        ("replay_id=x", "invalid_value", "replay_id", "`whrp_`"),
        ("state=dead&state=pending", "repeated_parameter", "state", "more than once"),
        ("status=dead", "unknown_parameter", "status", "did you mean `state`?"),
        ("after=1", "invalid_value", "after", "id"),
    ] {
        let answer = world.get(&format!("{DELIVERIES}?{query}")).await;
        assert_eq!(answer.error(), (400, code.to_owned()), "{query}");
        assert_eq!(answer.param().as_deref(), Some(param), "{query}");
        assert!(answer.message().contains(hint), "{query}: {}", answer.message());
    }
    for path in ["whd_01jy00000000000000000000ab", "whe_01jy00000000000000000000ab", "x"] {
        let path = format!("{DELIVERIES}/{path}");
        assert_eq!(world.get(&path).await.error(), (404, "not_found".to_owned()), "{path}");
        for verb in ["redeliver", "cancel"] {
            let answer = world.post(&format!("{path}/{verb}"), &json!({})).await;
            assert_eq!(answer.error(), (404, "not_found".to_owned()), "{path}/{verb}");
        }
    }
}

#[tokio::test]
async fn a_pending_one_is_called_off_once_and_for_good() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let endpoint = world.endpoint(&receiver.url(), json!({"paused": true})).await;
    world.publish("a.b", "a").await;
    let delivery = format!("{DELIVERIES}/{}", found(&world, "").await[0]);
    let cancel = format!("{delivery}/cancel");
    let mistaken = world.post(&cancel, &json!({"reason": "x"})).await;
    assert_eq!(mistaken.error(), (400, "unknown_parameter".to_owned()));
    world.turn(3);
    let cancelled = world.api("POST", &cancel, "").await.ok();
    assert_eq!((&cancelled["state"], &cancelled["end_reason"]), (&json!("cancelled"), &json!("requested")));
    assert_eq!((&cancelled["finished_at"], &cancelled["next_attempt_at"]), (&json!(NOW + 3), &Value::Null));
    assert_eq!((&cancelled["attempts"], &cancelled["event"]["type"]), (&json!([]), &json!("a.b")));
    assert_eq!(world.get(&delivery).await.ok(), cancelled);

    let again = world.post(&cancel, &json!({})).await;
    assert_eq!(again.error(), (409, "already_ended".to_owned()));
    assert_eq!(again.header("x-should-retry"), Some("false"));
    world.post(&format!("/v1/webhook_endpoints/{}", id(&endpoint)), &json!({"paused": false})).await.ok();
    world.publish("a.b", "b").await;
    // What comes after a pause is let go at a rate.
    world.turn(1);
    receiver.next().await;
    assert_eq!(receiver.call_count(), 1, "only what came after");
}

#[tokio::test]
async fn who_waited_for_the_one_called_off_goes_on() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let gate = Gate::shut();
    receiver.enqueue([Reply::status(500).behind(&gate)]);
    world.endpoint(&receiver.url(), json!({"ordering": "object"})).await;
    world.publish("a.first", "object_1").await;
    world.publish("a.second", "object_1").await;
    receiver.running(1).await;
    let ids = found(&world, "order=asc").await;
    let second = world.get(&format!("{DELIVERIES}/{}", ids[1])).await.ok();
    assert_eq!((&second["state"], &second["next_attempt_at"]), (&json!("pending"), &Value::Null), "it waits");
    gate.open();
    let first = format!("{DELIVERIES}/{}", ids[0]);
    world.wait_for(&first, |first| first["attempt_count"] == 1 && first["in_flight"] == false).await;
    assert_eq!(receiver.call_count(), 1, "the second waits for the first's next attempt");
    world.post(&format!("{first}/cancel"), &json!({})).await.ok();
    world.wait_for(&format!("{DELIVERIES}/{}", ids[1]), |second| second["state"] == "delivered").await;
}
