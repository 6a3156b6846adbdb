//! Replays through their whole life, with a receiver at the end.

use ringback_domain::Timestamp;
use ringback_testkit::{Receiver, Reply};
use ringback_webhook::SigningSecret;
use serde_json::{Value, json};

use crate::world::{NOW, World};

const REPLAYS: &str = "/v1/webhook_replays";

fn path(replay: &Value) -> String {
    format!("{REPLAYS}/{}", replay["id"].as_str().unwrap())
}

fn counts(pending: u64, delivered: u64, dead: u64, cancelled: u64) -> Value {
    json!({"pending": pending, "delivered": delivered, "dead": dead, "cancelled": cancelled})
}

async fn replay(world: &World, body: Value) -> Value {
    world.post(REPLAYS, &body).await.ok()
}

/// Waits until a replay's deliveries stand so.
async fn stands(world: &World, replay: &Value, expected: Value) -> Value {
    world.wait_for(&path(replay), |replay| replay["deliveries"] == expected).await
}

#[tokio::test]
async fn the_dead_are_sent_again_and_nothing_else_is() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let endpoint = world.endpoint(&receiver.url(), json!({"retry_delays_secs": []})).await;
    receiver.enqueue([Reply::status(200)]);
    world.publish("a.arrived", "a").await;
    receiver.next().await;
    receiver.always(Reply::status(500));
    for n in 0..3 {
        world.publish("a.lost", &format!("lost_{n}")).await;
    }
    let dead = "/v1/webhook_deliveries?state=dead";
    world.wait_for(dead, |list| list["data"].as_array().unwrap().len() == 3).await;
    receiver.always(Reply::status(200));

    let made = replay(&world, json!({"endpoint_id": endpoint["id"], "state": "dead"})).await;
    assert_eq!(made["expected_count"], json!(3));
    let done = stands(&world, &made, counts(0, 3, 0, 0)).await;
    assert_eq!((&done["status"], &done["created_count"]), (&json!("completed"), &json!(3)));
    let ids: Vec<String> = receiver.calls().iter().map(|call| call.webhook_id().to_owned()).collect();
    let (mut first, mut second) = (ids[1..4].to_vec(), ids[4..].to_vec());
    first.sort();
    second.sort();
    assert_eq!(first, second, "the same three, under the same ids");
    let list =
        world.get(&format!("/v1/webhook_deliveries?replay_id={}", made["id"].as_str().unwrap())).await.ok();
    let data = list["data"].as_array().unwrap();
    assert!(
        data.len() == 3 && data.iter().all(|it| it["trigger"] == "replay" && it["replay_id"] == made["id"])
    );

    let again =
        replay(&world, json!({"endpoint_id": endpoint["id"], "state": "dead", "dry_run": true})).await;
    assert_eq!(again["count"], json!(0), "their newest deliveries arrived");
}

#[tokio::test]
async fn an_endpoint_that_was_added_later_gets_what_it_missed() {
    let world = World::start().await;
    for n in 0..3 {
        world.publish("a.b", &format!("object_{n}")).await;
    }
    let receiver = Receiver::start().await;
    let late = world.endpoint(&receiver.url(), json!({"event_types": ["a.*"]})).await;
    let made = replay(&world, json!({"endpoint_id": late["id"], "state": "missed"})).await;
    stands(&world, &made, counts(0, 3, 0, 0)).await;
    assert_eq!(receiver.call_count(), 3);
    let again = replay(&world, json!({"endpoint_id": late["id"], "state": "missed"})).await;
    assert_eq!(again["expected_count"], json!(0), "now it has them");
}

#[tokio::test]
async fn to_another_url_once_signed_with_a_secret_of_its_own() {
    let world = World::start().await;
    let (own, elsewhere) = (Receiver::start().await, Receiver::start().await);
    let endpoint = world.endpoint(&own.url(), json!({"headers": {"x-team": "billing"}})).await;
    world.publish("a.b", "a").await;
    own.next().await;
    elsewhere.always(Reply::status(500));
    let body = json!({"endpoint_id": endpoint["id"], "target_url": elsewhere.url()});
    let made = replay(&world, body).await;
    assert_eq!(made["target_url"], json!(elsewhere.url()));
    let secret = SigningSecret::parse(made["signing_secret"].as_str().unwrap()).unwrap();
    let call = elsewhere.next().await;
    call.assert_verifies(&secret, Timestamp::from_unix_secs(NOW));
    let own_secret = SigningSecret::parse(endpoint["signing_secret"].as_str().unwrap()).unwrap();
    assert!(call.verify(&own_secret, Timestamp::from_unix_secs(NOW)).is_err());
    assert!(!call.headers.contains_key("x-team"), "what the endpoint is set to is the endpoint's");
    let done = stands(&world, &made, counts(0, 0, 1, 0)).await;
    assert!(done.get("signing_secret").is_none(), "shown once");
    assert_eq!((own.call_count(), elsewhere.call_count()), (1, 1), "one attempt, and none to the endpoint");
    let endpoints = world.get("/v1/webhook_endpoints").await.ok();
    assert_eq!(endpoints["data"].as_array().unwrap().len(), 1, "no endpoint is seen that stands for the URL");
    let health = world.get(&format!("/v1/webhook_endpoints/{}", endpoint["id"].as_str().unwrap())).await.ok();
    assert_eq!(health["failing_since"], Value::Null, "the other URL's failure is not this endpoint's");
}

#[tokio::test]
async fn it_goes_at_its_rate_and_is_called_off_where_it_stands() {
    let world = World::start().await;
    for n in 0..5 {
        world.publish("a.b", &format!("object_{n}")).await;
    }
    let receiver = Receiver::start().await;
    let endpoint = world.endpoint(&receiver.url(), json!({})).await;
    let made = replay(&world, json!({"endpoint_id": endpoint["id"], "rate": 1})).await;
    for sent in 1..=3 {
        let at = stands(&world, &made, counts(0, sent, 0, 0)).await;
        assert_eq!((&at["status"], &at["created_count"]), (&json!("running"), &json!(sent)), "one a second");
        if sent < 3 {
            world.turn(1);
        }
    }
    let cancel = format!("{}/cancel", path(&made));
    let cancelled = world.api("POST", &cancel, "").await.ok();
    assert_eq!((&cancelled["status"], &cancelled["finished_at"]), (&json!("cancelled"), &json!(NOW + 2)));
    assert_eq!((&cancelled["deliveries"], &cancelled["expected_count"]), (&counts(0, 3, 0, 0), &json!(5)));
    let again = world.post(&cancel, &json!({})).await;
    assert_eq!(again.error(), (409, "already_ended".to_owned()));
    assert_eq!(again.header("x-should-retry"), Some("false"));
    world.turn(60);
    world.publish("a.after", "a").await;
    for _ in 0..4 {
        receiver.next().await;
    }
    let after = world.get(&path(&made)).await.ok();
    assert_eq!((&after["created_count"], receiver.call_count()), (&json!(3), 4));
}

#[tokio::test]
async fn one_whose_endpoint_is_deleted_is_cancelled_and_says_why() {
    let world = World::start().await;
    for n in 0..3 {
        world.publish("a.b", &format!("object_{n}")).await;
    }
    let endpoint = world.endpoint("https://app.example/", json!({"paused": true})).await;
    let made = replay(&world, json!({"endpoint_id": endpoint["id"], "rate": 1})).await;
    let running = stands(&world, &made, counts(1, 0, 0, 0)).await;
    assert_eq!((&running["status"], &running["end_reason"]), (&json!("running"), &json!(null)));
    world
        .api("DELETE", &format!("/v1/webhook_endpoints/{}", endpoint["id"].as_str().unwrap()), "")
        .await
        .ok();
    // It finds out when it would make the next one.
    world.turn(1);
    let ended = world.wait_for(&path(&made), |replay| replay["status"] != "running").await;
    assert_eq!((&ended["status"], &ended["end_reason"]), (&json!("cancelled"), &json!("endpoint_deleted")));
    assert_eq!((&ended["created_count"], &ended["expected_count"]), (&json!(1), &json!(3)));
}

#[tokio::test]
async fn a_completed_one_can_be_called_off_while_something_of_it_is_pending() {
    let world = World::start().await;
    for n in 0..3 {
        world.publish("a.b", &format!("object_{n}")).await;
    }
    let endpoint = world.endpoint("https://app.example/", json!({"paused": true})).await;
    let made = replay(&world, json!({"endpoint_id": endpoint["id"]})).await;
    let held = stands(&world, &made, counts(3, 0, 0, 0)).await;
    assert_eq!(held["status"], json!("completed"));
    let cancelled = world.post(&format!("{}/cancel", path(&made)), &json!({})).await.ok();
    assert_eq!((&cancelled["status"], &cancelled["end_reason"]), (&json!("cancelled"), &json!("requested")));
    stands(&world, &made, counts(0, 0, 0, 3)).await;
    let list = world.get("/v1/webhook_deliveries?state=cancelled").await.ok();
    assert!(list["data"].as_array().unwrap().iter().all(|it| it["end_reason"] == "requested"));

    let empty = replay(&world, json!({"type": "never.seen"})).await;
    world.wait_for(&path(&empty), |replay| replay["status"] == "completed").await;
    let nothing = world.post(&format!("{}/cancel", path(&empty)), &json!({})).await;
    assert_eq!(nothing.error(), (409, "already_ended".to_owned()), "nothing of it is pending");
    let mistaken = world.post(&format!("{}/cancel", path(&empty)), &json!({"now": true})).await;
    assert_eq!(mistaken.error(), (400, "unknown_parameter".to_owned()));
}

#[tokio::test]
async fn ten_may_run_at_once_in_a_project_and_they_are_listed_in_parts() {
    let world = World::start().await;
    for n in 0..2 {
        world.publish("a.b", &format!("object_{n}")).await;
    }
    world.endpoint("https://app.example/", json!({"paused": true})).await;
    let mut made = Vec::new();
    for _ in 0..10 {
        made.push(replay(&world, json!({"rate": 1})).await);
    }
    let eleventh = world.post(REPLAYS, &json!({"rate": 1})).await;
    assert_eq!(eleventh.error(), (409, "limit_reached".to_owned()));
    assert_eq!(eleventh.header("x-should-retry"), Some("false"));
    let (_, other) = world.project("other").await;
    world.api_as(&other, &[], "POST", REPLAYS, "{}").await.ok();

    let part = world.get(&format!("{REPLAYS}?limit=4")).await.ok();
    assert_eq!((&part["has_more"], &part["first_id"]), (&json!(true), &made[9]["id"]));
    let rest = format!("{REPLAYS}?order=asc&limit=100&after={}", made[5]["id"].as_str().unwrap());
    let rest = world.get(&rest).await.ok();
    assert_eq!((&rest["has_more"], rest["data"].as_array().unwrap().len()), (&json!(false), 4));
    let wrong = world.get(&format!("{REPLAYS}?status=running")).await;
    assert_eq!(wrong.error(), (400, "unknown_parameter".to_owned()));

    world.post(&format!("{}/cancel", path(&made[0])), &json!({})).await.ok();
    replay(&world, json!({"rate": 1})).await;
}
