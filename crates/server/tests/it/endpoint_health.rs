//! What an endpoint's view says of how it does, and what one is told who enables it again.

use ringback_testkit::{Receiver, Reply};
use serde_json::{Value, json};

use crate::world::{NOW, World};

fn path(endpoint: &Value) -> String {
    format!("/v1/webhook_endpoints/{}", endpoint["id"].as_str().unwrap())
}

#[tokio::test]
async fn one_that_fails_everything_says_since_when_and_when_it_is_tried_again() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.always(Reply::status(500));
    let endpoint = world.endpoint(&receiver.url(), json!({})).await;
    for n in 0..10 {
        world.publish("a.b", &format!("object_{n}")).await;
    }
    let failing = world.wait_for(&path(&endpoint), |endpoint| endpoint["breaker"]["state"] == "open").await;
    assert_eq!(failing["breaker"], json!({"state": "open", "probe_at": NOW + 5}));
    assert_eq!(failing["failing_since"], json!(NOW));
    let listed = world.get("/v1/webhook_endpoints").await.ok();
    assert_eq!(listed["data"][0]["breaker"], failing["breaker"]);

    receiver.always(Reply::status(200));
    world.turn(60);
    world
        .wait_for(&path(&endpoint), |endpoint| {
            endpoint["failing_since"].is_null() && endpoint["breaker"]["state"] != "open"
        })
        .await;
}

#[tokio::test]
async fn enabling_tells_what_was_missed_and_the_replay_that_sends_it() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let endpoint = world.endpoint(&receiver.url(), json!({"event_types": ["a.*"]})).await;
    world.publish("a.before", "a").await;
    receiver.next().await;
    world.turn(10);
    let disabled = world.post(&path(&endpoint), &json!({"disabled": true})).await.ok();
    assert!(disabled.get("missed").is_none());
    world.turn(10);
    let missed = [world.publish("a.missed", "b").await, world.publish("a.missed", "c").await];
    world.publish("b.unwanted", "d").await;
    let unpaused = world.post(&path(&endpoint), &json!({"paused": false})).await.ok();
    assert!(unpaused.get("missed").is_none(), "it is disabled still");

    let enabled = world.post(&path(&endpoint), &json!({"disabled": false})).await.ok();
    let replay = json!({"endpoint_id": endpoint["id"], "state": "missed", "created_after": NOW + 10});
    assert_eq!(
        enabled["missed"],
        json!({"since": NOW + 10, "count": 2, "count_is_minimum": false, "replay": replay})
    );
    assert_eq!((&enabled["disabled_at"], &enabled["resumed_at"]), (&Value::Null, &json!(NOW + 20)));
    let again = world.post(&path(&endpoint), &json!({"disabled": false})).await.ok();
    assert!(again.get("missed").is_none() && world.get(&path(&endpoint)).await.ok().get("missed").is_none());

    let made = world.post("/v1/webhook_replays", &enabled["missed"]["replay"]).await.ok();
    assert_eq!(made["expected_count"], json!(2));
    // What comes after a disablement is let go at a rate.
    world.turn(1);
    let done = format!("/v1/webhook_replays/{}", made["id"].as_str().unwrap());
    world.wait_for(&done, |replay| replay["deliveries"]["delivered"] == 2).await;
    for event in missed {
        let event = world.get(&format!("/v1/webhook_events/{event}")).await.ok();
        let delivery = &event["deliveries"][0];
        assert_eq!((&delivery["trigger"], &delivery["replay_id"]), (&json!("replay"), &made["id"]));
    }
    assert_eq!(receiver.call_count(), 3);
}

#[tokio::test]
async fn resuming_lets_go_what_was_held_and_misses_nothing() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let endpoint = world.endpoint(&receiver.url(), json!({"paused": true})).await;
    world.publish("a.b", "a").await;
    world.turn(5);
    let resumed = world.post(&path(&endpoint), &json!({"paused": false})).await.ok();
    assert_eq!((resumed.get("missed"), &resumed["resumed_at"]), (None, &json!(NOW + 5)));
    receiver.next().await;
}
