//! When, how fast and in what order an endpoint wants its deliveries: read back, updated, refused, and
//! obeyed.

use ringback_testkit::{Receiver, Reply};
use serde_json::{Value, json};

use crate::world::{NOW, World};

fn path(endpoint: &Value) -> String {
    format!("/v1/webhook_endpoints/{}", endpoint["id"].as_str().unwrap())
}

#[track_caller]
fn assert_shows(endpoint: &Value, expected: &Value) {
    for (field, expected) in expected.as_object().unwrap() {
        assert_eq!(endpoint[field], *expected, "{field}");
    }
}

#[tokio::test]
async fn each_is_read_back_kept_and_taken_away() {
    let world = World::start().await;
    let rules = json!({
        "retry_delays_secs": [5, 30, 120], "max_per_sec": 20, "max_concurrency": 4, "ordering": "object",
        "ordering_wait_secs": 600, "max_age_secs": 86400,
    });
    let made = world.endpoint("https://app.example/", rules.clone()).await;
    assert_shows(&made, &rules);
    assert_shows(&world.get(&path(&made)).await.ok(), &rules);
    assert_shows(&world.get("/v1/webhook_endpoints").await.ok()["data"][0], &rules);
    let renamed = world.post(&path(&made), &json!({"name": "b"})).await.ok();
    assert_shows(&renamed, &rules);

    world.turn(60);
    assert_eq!(world.post(&path(&made), &rules).await.ok(), renamed, "the same again moves nothing");
    let nothing = json!({
        "retry_delays_secs": null, "max_per_sec": null, "max_concurrency": null, "max_age_secs": null,
        "ordering": null, "ordering_wait_secs": null,
    });
    let cleared = world.post(&path(&made), &nothing).await.ok();
    assert_shows(
        &cleared,
        &json!({
            "retry_delays_secs": null, "max_per_sec": null, "max_concurrency": null, "max_age_secs": null,
            "ordering": "object", "ordering_wait_secs": 600, "updated_at": NOW + 60,
        }),
    );
    assert_eq!(world.post(&path(&made), &json!({"ordering": "none"})).await.ok()["ordering"], "none");
}

#[tokio::test]
async fn the_ends_of_each_range_are_taken_and_what_is_beyond_is_refused_by_name() {
    let world = World::start().await;
    let endpoint = world.endpoint("https://app.example/", json!({})).await;
    for (field, value) in [
        ("retry_delays_secs", json!([])),
        ("retry_delays_secs", json!([1])),
        ("retry_delays_secs", json!(vec![1; 50])),
        ("retry_delays_secs", json!([72_000, 72_000, 72_000, 43_200])),
        ("max_per_sec", json!(1)),
        ("max_per_sec", json!(10_000)),
        ("max_concurrency", json!(1)),
        ("max_concurrency", json!(1000)),
        ("ordering_wait_secs", json!(1)),
        ("ordering_wait_secs", json!(259_200)),
        ("max_age_secs", json!(1)),
        ("max_age_secs", json!(2_592_000)),
    ] {
        let changed = world.post(&path(&endpoint), &json!({ field: value })).await.ok();
        assert_eq!(changed[field], value, "{field}");
    }
    let before = world.get(&path(&endpoint)).await.ok();
    for (field, value, code) in [
        ("retry_delays_secs", json!(5), "invalid_type"),
        ("retry_delays_secs", json!("default"), "invalid_type"),
        ("retry_delays_secs", json!(["5"]), "invalid_type"),
        ("retry_delays_secs", json!([5, null]), "invalid_type"),
        ("retry_delays_secs", json!([5, 0]), "invalid_value"),
        ("retry_delays_secs", json!([1.5]), "invalid_value"),
        ("retry_delays_secs", json!([-5]), "invalid_value"),
        ("retry_delays_secs", json!([72_001]), "invalid_value"),
        ("retry_delays_secs", json!([4_294_967_297_u64]), "invalid_value"),
        ("retry_delays_secs", json!([72_000, 72_000, 72_000, 43_201]), "invalid_value"),
        ("retry_delays_secs", json!(vec![1; 51]), "array_above_max_length"),
        ("max_per_sec", json!(0), "invalid_value"),
        ("max_per_sec", json!(10_001), "invalid_value"),
        ("max_per_sec", json!(4_294_967_297_u64), "invalid_value"),
        ("max_per_sec", json!("10"), "invalid_type"),
        ("max_concurrency", json!(0), "invalid_value"),
        ("max_concurrency", json!(1001), "invalid_value"),
        ("max_concurrency", json!(65_537), "invalid_value"),
        ("max_concurrency", json!(true), "invalid_type"),
        ("ordering", json!("objects"), "invalid_value"),
        ("ordering", json!(1), "invalid_type"),
        ("ordering_wait_secs", json!(0), "invalid_value"),
        ("ordering_wait_secs", json!(259_201), "invalid_value"),
        ("max_age_secs", json!(0), "invalid_value"),
        ("max_age_secs", json!(2_592_001), "invalid_value"),
        ("max_age_seconds", json!(1), "unknown_parameter"),
        ("breaker", json!({}), "unknown_parameter"),
        ("resumed_at", json!(NOW), "unknown_parameter"),
    ] {
        let mut body = json!({"name": "a", "url": "https://app.example/", "event_types": ["*"]});
        body[field] = value.clone();
        for answer in [
            world.post("/v1/webhook_endpoints", &body).await,
            world.post(&path(&endpoint), &json!({ field: value })).await,
        ] {
            assert_eq!(answer.error(), (400, code.to_owned()), "{field} {value}");
            assert_eq!(answer.param().as_deref(), Some(field), "{field} {value}");
        }
    }
    assert_eq!(world.get(&path(&endpoint)).await.ok(), before);
    assert_eq!(world.get("/v1/webhook_endpoints").await.ok()["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_error_says_what_would_be_right() {
    let world = World::start().await;
    let endpoint = world.endpoint("https://app.example/", json!({})).await;
    for (body, expected) in [
        (json!({"ordering": "objekt"}), "did you mean `object`?"),
        (json!({"max_per_second": 5}), "did you mean `max_per_sec`?"),
        (json!({"max_per_sec": 0}), "from 1 to 10000"),
        (json!({"retry_delays_secs": [5, "30"]}), "`retry_delays_secs[1]`"),
        (json!({"retry_delays_secs": [72_000, 72_000, 72_000, 72_000]}), "288000"),
    ] {
        let answer = world.post(&path(&endpoint), &body).await;
        assert!(answer.message().contains(expected), "{body}: {}", answer.message());
    }
}

#[tokio::test]
async fn an_own_schedule_is_followed_and_an_empty_one_is_one_attempt() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.always(Reply::status(500));
    let endpoint = world.endpoint(&receiver.url(), json!({"retry_delays_secs": [7]})).await;
    let event = format!("/v1/webhook_events/{}", world.publish("a.b", "a").await);
    let event = world.wait_for(&event, |event| event["deliveries"][0]["attempt_count"] == 1).await;
    assert_eq!(event["deliveries"][0]["next_attempt_at"], json!(NOW + 7));

    world.post(&path(&endpoint), &json!({"retry_delays_secs": []})).await.ok();
    let event = format!("/v1/webhook_events/{}", world.publish("a.b", "b").await);
    let event = world.wait_for(&event, |event| event["state"] == "dead").await;
    let delivery = &event["deliveries"][0];
    assert_eq!(
        (&delivery["end_reason"], &delivery["attempt_count"]),
        (&json!("schedule_exhausted"), &json!(1))
    );
}

#[tokio::test]
async fn max_age_secs_is_when_a_delivery_expires() {
    let world = World::start().await;
    world.endpoint("https://app.example/", json!({"paused": true, "max_age_secs": 90})).await;
    let event = world.publish("realtime.call.incoming", "rtc_1").await;
    let event = world.get(&format!("/v1/webhook_events/{event}")).await.ok();
    assert_eq!(
        event["deliveries"][0]["expires_at"],
        json!(NOW + 90),
        "the endpoint's word counts before the type's"
    );
}
