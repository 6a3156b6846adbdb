//! `POST /v1/webhook_replays`: what may be asked for, what is refused, and what it would come to.

use serde_json::{Value, json};

use crate::world::{NOW, World};

const REPLAYS: &str = "/v1/webhook_replays";
const NOBODY: &str = "whe_01jy00000000000000000000ab";

#[tokio::test]
async fn everything_given_is_shown_again() {
    let world = World::start().await;
    let endpoint = world.endpoint("https://app.example/", json!({"paused": true})).await;
    let source = world.source().await;
    let query = json!({
        "endpoint_id": endpoint["id"], "source_id": source.id, "type": "eval.run.cancelled", "object_id": "run_1",
        "state": "missed", "created_after": NOW - 60, "created_before": NOW, "rate": 1000,
    });
    let made = world.post(REPLAYS, &query).await.ok();
    let mut expected = json!({
        "id": made["id"], "object": "webhook_replay", "created_at": NOW, "status": "running", "end_reason": null, "target_url": null,
        "expected_count": 0, "expected_count_is_minimum": false, "created_count": 0, "finished_at": null,
        "deliveries": {"pending": 0, "delivered": 0, "dead": 0, "cancelled": 0},
    });
    expected.as_object_mut().unwrap().extend(query.as_object().unwrap().clone());
    assert_eq!(made, expected);
    assert!(made["id"].as_str().unwrap().starts_with("whrp_"));

    let path = format!("{REPLAYS}/{}", made["id"].as_str().unwrap());
    expected["status"] = json!("completed");
    expected["finished_at"] = json!(NOW);
    let ended = world.wait_for(&path, |replay| replay["status"] == "completed").await;
    assert_eq!(ended, expected, "nothing matched, and it is done at once");
    expected.as_object_mut().unwrap().remove("deliveries");
    assert_eq!(world.get(REPLAYS).await.ok()["data"], json!([expected]), "a list counts no deliveries");

    let bare = world.post(REPLAYS, &json!({})).await.ok();
    for field in ["endpoint_id", "source_id", "type", "object_id", "state", "created_after", "created_before"]
    {
        assert_eq!(bare[field], Value::Null, "{field}");
    }
    assert_eq!(bare["rate"], json!(50));
    assert!(bare.get("signing_secret").is_none());
}

#[tokio::test]
async fn each_wrong_field_is_named_with_its_code() {
    let world = World::start().await;
    for (body, status, code, param) in [
        (json!({"endpoint_id": 1}), 400, "invalid_type", "endpoint_id"),
        (json!({"endpoint_id": "whsrc_01jy00000000000000000000ab"}), 400, "invalid_value", "endpoint_id"),
        (json!({"endpoint_id": NOBODY}), 404, "not_found", "endpoint_id"),
        (json!({"source_id": NOBODY}), 400, "invalid_value", "source_id"),
        (json!({"source_id": "whsrc_01jy00000000000000000000ab"}), 404, "not_found", "source_id"),
        (json!({"type": ["a.b"]}), 400, "invalid_type", "type"),
        (json!({"type": "batch.*"}), 400, "invalid_value", "type"),
        (json!({"type": ""}), 400, "string_below_min_length", "type"),
        (json!({"object_id": "a b"}), 400, "invalid_value", "object_id"),
        (json!({"object_id": "é"}), 400, "invalid_value", "object_id"),
        (json!({"object_id": "x".repeat(256)}), 400, "string_above_max_length", "object_id"),
        (json!({"state": "missing"}), 400, "invalid_value", "state"),
        (json!({"state": true}), 400, "invalid_type", "state"),
        (json!({"created_after": "2025-06-18"}), 400, "invalid_value", "created_after"),
        (json!({"created_after": -1}), 400, "invalid_value", "created_after"),
        (json!({"created_before": 1.5}), 400, "invalid_value", "created_before"),
        (json!({"created_before": 253_402_300_800_i64}), 400, "invalid_value", "created_before"),
        (json!({"created_after": 5, "created_before": 5}), 400, "invalid_value", "created_before"),
        (json!({"created_after": 6, "created_before": 5}), 400, "invalid_value", "created_before"),
        (json!({"rate": 0}), 400, "invalid_value", "rate"),
        (json!({"rate": 1001}), 400, "invalid_value", "rate"),
        (json!({"rate": "50"}), 400, "invalid_type", "rate"),
        (json!({"dry_run": "yes"}), 400, "invalid_type", "dry_run"),
        (json!({"dry_run": null}), 400, "invalid_type", "dry_run"),
        (json!({"target_url": 1}), 400, "invalid_type", "target_url"),
        (json!({"target_url": "app.example"}), 400, "url_invalid", "target_url"),
        (json!({"target_url": "http://169.254.169.254/"}), 400, "address_not_allowed", "target_url"),
        (json!({"target_url": "http://9.9.9.9/"}), 400, "plain_http_not_allowed", "target_url"),
        (json!({"endpoint": NOBODY}), 400, "unknown_parameter", "endpoint"),
    ] {
        for dry_run in [false, true] {
            let mut body = body.clone();
            if dry_run && body.get("dry_run").is_none() {
                body["dry_run"] = json!(true);
            }
            let answer = world.post(REPLAYS, &body).await;
            assert_eq!(answer.error(), (status, code.to_owned()), "{body}");
            assert_eq!(answer.param().as_deref(), Some(param), "{body}");
        }
    }
    for (body, hint) in [
        (json!({"state": "mised"}), "did you mean `missed`?"),
        (json!({"status": "dead"}), "did you mean `state`?"),
        (json!({"target_url": "http://9.9.9.9/"}), r#"egress.allow = ["9.9.9.9"]"#),
    ] {
        let message = world.post(REPLAYS, &body).await.message();
        assert!(message.contains(hint), "{body}: {message}");
    }
    assert_eq!(world.get(REPLAYS).await.ok()["data"], json!([]));
}

#[tokio::test]
async fn everything_is_sent_again_only_by_whoever_says_so() {
    let world = World::start().await;
    let empty = world.api("POST", REPLAYS, "").await;
    assert_eq!(empty.error(), (400, "empty_body".to_owned()));
    assert!(empty.message().contains("`{}`"), "{}", empty.message());
    assert_eq!(world.get(REPLAYS).await.ok()["data"], json!([]));
    world.post(REPLAYS, &json!({})).await.ok();
}

#[tokio::test]
async fn a_dry_run_counts_and_makes_nothing() {
    let world = World::start().await;
    for (event_type, object_id) in [("a.b", "a"), ("a.c", "a"), ("a.b", "b")] {
        world.publish(event_type, object_id).await;
        world.turn(10);
    }
    let paused = |types: Value| json!({"event_types": types, "paused": true});
    let one = world.endpoint("https://one.example/", paused(json!(["a.b"]))).await;
    world.endpoint("https://two.example/", paused(json!(["a.*"]))).await;
    for (query, count) in [
        (json!({}), 5),
        (json!({"endpoint_id": one["id"]}), 2),
        (json!({"type": "a.c"}), 1),
        (json!({"object_id": "a"}), 3),
        (json!({"object_id": "a", "type": "a.b"}), 2),
        (json!({"state": "missed"}), 5),
        (json!({"state": "dead"}), 0),
        (json!({"created_after": NOW + 10}), 3),
        (json!({"created_before": NOW + 10}), 2),
        (json!({"created_after": NOW + 10, "created_before": NOW + 11}), 1),
        (json!({"target_url": "https://elsewhere.example/"}), 3),
        (json!({"type": "never.seen"}), 0),
    ] {
        let mut body = query.clone();
        body["dry_run"] = json!(true);
        let preview = world.post(REPLAYS, &body).await.ok();
        let expected = json!({"object": "webhook_replay.preview", "count": count, "count_is_minimum": false});
        assert_eq!(preview, expected, "{query}");
    }
    assert_eq!(world.get(REPLAYS).await.ok()["data"], json!([]));
    assert_eq!(world.get("/v1/webhook_deliveries").await.ok()["data"], json!([]));
}

#[tokio::test]
async fn a_disabled_endpoint_is_409_unless_it_is_another_url_that_is_called() {
    let world = World::start().await;
    let endpoint = world.endpoint("https://app.example/", json!({})).await;
    let path = format!("/v1/webhook_endpoints/{}", endpoint["id"].as_str().unwrap());
    world.post(&path, &json!({"disabled": true})).await.ok();
    world.publish("a.b", "a").await;
    for dry_run in [false, true] {
        let body = json!({"endpoint_id": endpoint["id"], "state": "missed", "dry_run": dry_run});
        let answer = world.post(REPLAYS, &body).await;
        assert_eq!(answer.error(), (409, "endpoint_disabled".to_owned()));
        assert_eq!(
            (answer.header("x-should-retry"), answer.param().as_deref()),
            (Some("false"), Some("endpoint_id"))
        );
    }
    let elsewhere = json!({
        "endpoint_id": endpoint["id"], "state": "missed", "target_url": "https://elsewhere.example/", "dry_run": true,
    });
    assert_eq!(world.post(REPLAYS, &elsewhere).await.ok()["count"], json!(1));
}

#[tokio::test]
async fn under_one_idempotency_key_it_is_made_once_and_its_secret_shown_again() {
    let world = World::start().await;
    let body = json!({"target_url": "https://elsewhere.example/", "type": "never.seen"});
    let first = world.post_once("k", REPLAYS, &body).await;
    assert!(first.ok()["signing_secret"].as_str().unwrap().starts_with("whsec_"));
    let again = world.post_once("k", REPLAYS, &body).await;
    assert_eq!(again.ok(), first.ok());
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(world.get(REPLAYS).await.ok()["data"].as_array().unwrap().len(), 1);
    let other = world.post_once("k", REPLAYS, &json!({})).await;
    assert_eq!(other.error(), (422, "idempotency_key_reused".to_owned()));
}

#[tokio::test]
async fn an_unknown_one_is_404_whatever_is_wanted_of_it() {
    let world = World::start().await;
    for id in ["whrp_01jy00000000000000000000ab", NOBODY, "x"] {
        let path = format!("{REPLAYS}/{id}");
        assert_eq!(world.get(&path).await.error(), (404, "not_found".to_owned()));
        assert_eq!(
            world.post(&format!("{path}/cancel"), &json!({})).await.error(),
            (404, "not_found".to_owned())
        );
    }
}
