//! What a pending delivery says of what keeps it back, and what the numbers say of it.

use ringback_testkit::{Gate, Receiver, Reply};
use serde_json::{Value, json};

use crate::world::{NOW, World};

const STATS: &str = "/v1/webhook_stats";

fn path(endpoint: &Value) -> String {
    format!("/v1/webhook_endpoints/{}", endpoint["id"].as_str().unwrap())
}

/// What keeps the newest delivery back, as its list, itself and its event tell it.
async fn held_by(world: &World, event: &str) -> Value {
    let list = world.get(&format!("/v1/webhook_deliveries?event_id={event}")).await.ok();
    let shown = list["data"][0]["held_by"].clone();
    let delivery = list["data"][0]["id"].as_str().unwrap();
    let delivery = world.get(&format!("/v1/webhook_deliveries/{delivery}")).await.ok();
    let event = world.get(&format!("/v1/webhook_events/{event}")).await.ok();
    let others = [&delivery["held_by"], &event["deliveries"][0]["held_by"]];
    assert_eq!(others, [&shown, &shown]);
    shown
}

#[tokio::test]
async fn by_a_paused_or_disabled_endpoint_until_it_is_let_go() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let endpoint = world.endpoint(&receiver.url(), json!({"paused": true})).await;
    let event = world.publish("a.b", "a").await;
    assert_eq!(held_by(&world, &event).await, "endpoint_paused");
    world.post(&path(&endpoint), &json!({"disabled": true})).await.ok();
    assert_eq!(held_by(&world, &event).await, "endpoint_disabled");
    world.post(&path(&endpoint), &json!({"paused": false, "disabled": false})).await.ok();
    world.wait_for(&format!("/v1/webhook_events/{event}"), |event| event["state"] == "delivered").await;
    assert_eq!(held_by(&world, &event).await, Value::Null);
}

#[tokio::test]
async fn by_the_one_before_it_in_its_order() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let gate = Gate::shut();
    receiver.always(Reply::status(500).behind(&gate));
    world.endpoint(&receiver.url(), json!({"ordering": "object"})).await;
    let (first, second) = (world.publish("a.b", "a").await, world.publish("a.b", "a").await);
    let shown = world.get(&format!("/v1/webhook_events/{second}")).await.ok();
    assert_eq!(shown["deliveries"][0]["next_attempt_at"], Value::Null, "it has no time yet");
    assert_eq!(held_by(&world, &second).await, "order");
    gate.open();
    let attempted = |event: &Value| {
        let first = &event["deliveries"][0];
        first["attempt_count"] == 1 && first["in_flight"] == false
    };
    world.wait_for(&format!("/v1/webhook_events/{first}"), attempted).await;
    assert_eq!(held_by(&world, &first).await, Value::Null, "it waits for its time alone");
    let shown = world.get(&format!("/v1/webhook_events/{second}")).await.ok();
    assert_eq!(shown["deliveries"][0]["next_attempt_at"], json!(NOW + 3600), "no longer than that");
    assert_eq!(held_by(&world, &second).await, "order");
}

#[tokio::test]
async fn by_an_open_breaker() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.always(Reply::status(500));
    let endpoint = world.endpoint(&receiver.url(), json!({})).await;
    for n in 0..10 {
        world.publish("a.b", &format!("object_{n}")).await;
    }
    world.wait_for(&path(&endpoint), |endpoint| endpoint["breaker"]["state"] == "open").await;
    let event = world.publish("a.b", "after").await;
    assert_eq!(held_by(&world, &event).await, "breaker");
}

#[tokio::test]
async fn by_nothing_while_it_is_under_way() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let gate = Gate::shut();
    receiver.always(Reply::status(200).behind(&gate));
    let endpoint = world.endpoint(&receiver.url(), json!({})).await;
    let event = world.publish("a.b", "a").await;
    world
        .wait_for(&format!("/v1/webhook_events/{event}"), |it| it["deliveries"][0]["in_flight"] == true)
        .await;
    world.post(&path(&endpoint), &json!({"paused": true})).await.ok();
    assert_eq!(held_by(&world, &event).await, Value::Null);
    gate.open();
}

#[tokio::test]
async fn the_numbers_tell_what_is_dead_and_which_endpoints_want_a_look() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.always(Reply::status(500));
    world.endpoint(&receiver.url(), json!({"retry_delays_secs": [], "event_types": ["a.*"]})).await;
    world.endpoint(&receiver.url(), json!({"event_types": ["b.*"]})).await;
    world.endpoint(&receiver.url(), json!({"event_types": ["c.*"], "paused": true})).await;
    for paused in [false, true] {
        let off = world.endpoint(&receiver.url(), json!({"paused": paused})).await;
        world.post(&path(&off), &json!({"disabled": true})).await.ok();
    }
    for event_type in ["a.b", "a.b", "c.d"] {
        world.publish(event_type, "x").await;
    }
    let stats = world.wait_for(STATS, |stats| stats["deliveries"]["dead"] == 2).await;
    assert_eq!(stats["deliveries"], json!({"pending": 1, "in_flight": 0, "dead": 2}));
    let stats = world.wait_for(STATS, |stats| stats["endpoints"]["failing"] == 1).await;
    assert_eq!(stats["endpoints"], json!({"active": 2, "paused": 1, "disabled": 2, "failing": 1}));

    let (_, key) = world.project("shop").await;
    let other = world.api_as(&key, &[], "GET", STATS, "").await.ok();
    assert_eq!(other["deliveries"], json!({"pending": 0, "in_flight": 0, "dead": 0}));
    assert_eq!(other["endpoints"], json!({"active": 0, "paused": 0, "disabled": 0, "failing": 0}));
}
