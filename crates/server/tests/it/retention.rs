//! The operator's hard limit of retention, as it is seen from outside.

use std::time::Duration;

use ringback_testkit::Receiver;
use serde_json::{Value, json};

use crate::logs::Log;
use crate::world::World;

const DAY: u64 = 24 * 3600;

#[tokio::test]
async fn what_is_past_the_hard_limit_is_dead_is_told_and_goes() {
    let world = World::delivering(|delivery| {
        delivery.event_retention = Duration::from_secs(4 * DAY);
        delivery.pending_retention = Some(Duration::from_secs(5 * DAY));
    })
    .await;
    let receiver = Receiver::start().await;
    world.endpoint(&receiver.url(), json!({"paused": true})).await;
    for n in 0..3 {
        world.publish("order.paid", &format!("order_{n}")).await;
    }
    world.turn(DAY);
    let young = world.publish("order.paid", "order_3").await;
    world.turn(4 * DAY);
    let count = |list: &Value| list["data"].as_array().unwrap().len();
    let given_up = |list: &Value| {
        let is_so = count(list) == 3;
        if !is_so {
            // The next sweep.
            world.turn(60);
        }
        is_so
    };
    let list = world.wait_for("/v1/webhook_deliveries?state=dead", given_up).await;
    for delivery in list["data"].as_array().unwrap() {
        assert_eq!((&delivery["end_reason"], &delivery["attempt_count"]), (&json!("retention"), &json!(0)));
    }
    let only_young = |list: &Value| {
        world.turn(1);
        count(list) == 1
    };
    let left = world.wait_for("/v1/webhook_events", only_young).await;
    assert_eq!((&left["data"][0]["id"], &left["data"][0]["state"]), (&json!(young), &json!("pending")));
    let text = Log::text();
    let told: Vec<_> = text.lines().filter(|line| line.contains("were given up")).collect();
    let [line] = told[..] else { panic!("once, not {told:?}") };
    assert!(line.contains(" WARN ") && line.contains("store.given_up=3"), "{line}");
    assert!(line.contains("pending_retention_secs=432000"), "{line}");
}
