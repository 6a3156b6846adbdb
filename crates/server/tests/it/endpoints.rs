//! `/v1/webhook_endpoints` and `/v1/webhook_event_types`.

use serde_json::{Value, json};

use crate::world::{EVENT, NOW, World};

fn endpoint() -> Value {
    json!({"name": "app", "url": "https://app.example.com/hooks", "event_types": ["response.completed"]})
}

fn with(field: &str, value: Value) -> Value {
    let mut body = endpoint();
    body[field] = value;
    body
}

#[tokio::test]
async fn from_creation_to_deletion() {
    let world = World::start().await;
    let created = world.post("/v1/webhook_endpoints", &endpoint()).await.ok();
    let id = created["id"].as_str().unwrap();
    let path = format!("/v1/webhook_endpoints/{id}");
    assert!(id.starts_with("whe_"));
    let secret = created["signing_secret"].as_str().unwrap();
    assert_eq!(secret.len(), "whsec_".len() + 44);
    let hint = created["signing_secret_hint"].as_str().unwrap();
    assert_eq!(hint, format!("whsec_…{}", &secret[secret.len() - 4..]));

    let shown = world.get(&path).await.ok();
    assert_eq!(
        shown,
        json!({
            "id": id, "object": "webhook_endpoint", "created_at": NOW, "updated_at": NOW, "name": "app",
            "url": "https://app.example.com/hooks", "event_types": ["response.completed"],
            "signing_secret_hint": hint, "description": null, "timeout_secs": 10, "headers": {}, "authentication": null,
            "no_retry_statuses": [], "retry_delays_secs": null, "max_per_sec": null, "max_concurrency": null,
            "ordering": "none", "ordering_wait_secs": 3600, "max_age_secs": null, "signature_scheme": "v1",
            "signing_secrets": [{
                "id": created["signing_secrets"][0]["id"], "object": "webhook_endpoint.signing_secret", "hint": hint,
                "created_at": NOW, "expires_at": null,
            }],
            "paused": false, "disabled_at": null, "disabled_reason": null, "resumed_at": null, "failing_since": null,
            "breaker": {"state": "closed", "probe_at": null},
        })
    );

    world.turn(60);
    assert_eq!(world.api("POST", &path, "{}").await.ok(), shown, "a no-op moves nothing");
    let change = json!({"name": "b", "event_types": ["batch.*", "*"], "timeout_secs": 60});
    let updated = world.post(&path, &change).await.ok();
    assert_eq!((&updated["name"], &updated["timeout_secs"]), (&json!("b"), &json!(60)));
    assert_eq!((&updated["event_types"], &updated["url"]), (&json!(["batch.*", "*"]), &shown["url"]));
    assert_eq!((&updated["created_at"], &updated["updated_at"]), (&json!(NOW), &json!(NOW + 60)));
    assert!(updated.get("signing_secret").is_none());
    assert_eq!(world.get("/v1/webhook_endpoints").await.ok()["data"], json!([updated]));

    let deleted = world.api("DELETE", &path, "").await.ok();
    assert_eq!(deleted, json!({"id": id, "object": "webhook_endpoint.deleted", "deleted": true}));
    assert_eq!(world.get(&path).await.error(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn each_wrong_field_is_named_with_its_code() {
    let world = World::start().await;
    for (field, value, code) in [
        ("name", Value::Null, "missing_required_parameter"),
        ("url", Value::Null, "missing_required_parameter"),
        ("event_types", Value::Null, "missing_required_parameter"),
        ("url", json!(1), "invalid_type"),
        ("url", json!("app.example.com"), "url_invalid"),
        ("url", json!("ftp://app.example.com/"), "url_scheme_not_allowed"),
        ("url", json!("http://9.9.9.9/"), "plain_http_not_allowed"),
        ("url", json!("https://u:p@app.example.com/"), "url_with_user_info"),
        ("url", json!("http://169.254.169.254/latest"), "address_not_allowed"),
        ("url", json!(format!("https://a.example/{}", "x".repeat(2048))), "url_too_long"),
        ("event_types", json!("batch.completed"), "invalid_type"),
        ("event_types", json!([]), "empty_array"),
        ("event_types", json!([1]), "invalid_type"),
        ("event_types", json!(["batch"]), "invalid_value"),
        ("event_types", json!(["galaxy.exploded"]), "invalid_value"),
        ("event_types", json!(vec!["*"; 257]), "array_above_max_length"),
        ("timeout_secs", json!(0), "invalid_value"),
        ("timeout_secs", json!(61), "invalid_value"),
        ("timeout_secs", json!("10"), "invalid_type"),
        ("event_type", json!(["*"]), "unknown_parameter"),
    ] {
        let answer = world.post("/v1/webhook_endpoints", &with(field, value.clone())).await;
        assert_eq!(answer.error(), (400, code.to_owned()), "{field} {value}");
        assert_eq!(answer.param().as_deref(), Some(field), "{field} {value}");
    }
    assert_eq!(world.get("/v1/webhook_endpoints").await.ok()["data"], json!([]));
}

#[tokio::test]
async fn a_refused_url_is_told_which_setting_would_permit_it() {
    let world = World::start().await;
    let body = with("url", json!("http://9.9.9.9/"));
    let answer = world.post("/v1/webhook_endpoints", &body).await;
    assert!(answer.message().contains(r#"egress.allow = ["9.9.9.9"]"#), "{}", answer.message());
}

#[tokio::test]
async fn event_types_are_stored_once_each_in_the_one_spelling() {
    let world = World::start().await;
    let types =
        json!(["eval.run.cancelled", "batch.*", "eval.run.canceled", "batch.*", "live.call.incoming"]);
    let created = world.post("/v1/webhook_endpoints", &with("event_types", types)).await.ok();
    assert_eq!(created["event_types"], json!(["eval.run.canceled", "batch.*", "live.call.incoming"]));
}

#[tokio::test]
async fn an_unknown_type_is_taken_once_it_was_seen() {
    let world = World::start().await;
    let body = with("event_types", json!(["galaxy.exploded"]));
    let before = world.post("/v1/webhook_endpoints", &body).await;
    assert!(before.message().contains("`galaxy.*`"), "{}", before.message());
    let mistyped =
        world.post("/v1/webhook_endpoints", &with("event_types", json!(["batch.compelted"]))).await;
    assert!(mistyped.message().contains("did you mean `batch.completed`?"), "{}", mistyped.message());

    let source = world.source().await;
    world.signed_call(&source, "wh_1", br#"{"type":"galaxy.exploded"}"#).await.ok();
    assert_eq!(
        world.post("/v1/webhook_endpoints", &body).await.ok()["event_types"],
        json!(["galaxy.exploded"])
    );
}

#[tokio::test]
async fn the_subscribable_types_are_openai_s_27() {
    let world = World::start().await;
    let types = world.get("/v1/webhook_event_types").await.ok();
    let names = types["data"].as_array().unwrap();
    assert_eq!((types["object"].as_str(), names.len()), (Some("list"), 27));
    assert!(names.contains(&json!("eval.run.canceled")) && !names.contains(&json!("live.call.incoming")));
}

#[tokio::test]
async fn stats_count_what_there_is() {
    let world = World::start().await;
    let source = world.source().await;
    world.post("/v1/webhook_endpoints", &with("url", json!("https://127.0.0.1:1/"))).await.ok();
    let stats = world.get("/v1/webhook_stats").await.ok();
    let expected = json!({
        "object": "webhook_stats", "pending": 0, "in_flight": 0, "deliveries": {"pending": 0, "in_flight": 0, "dead": 0}, "sources": 2,
        "endpoints": {"active": 1, "paused": 0, "disabled": 0, "failing": 0}, "refused": {},
        "unknown_sources": 0,
    });
    assert_eq!(stats, expected);
    world.signed_call(&source, "wh_1", EVENT).await.ok();
    // The one attempt fails at once, since nothing listens there; its delivery waits for the next, which the
    // clock never reaches.
    world.wait_for("/v1/webhook_stats", |stats| stats["pending"] == 1 && stats["in_flight"] == 0).await;
}
