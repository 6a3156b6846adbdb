//! Who may call the API, and how it says no.

use serde_json::json;

use crate::world::{KEY, World};

const ROUTES: [(&str, &str); 34] = [
    ("GET", "/v1/webhook_sources"),
    ("POST", "/v1/webhook_sources"),
    ("GET", "/v1/webhook_sources/whsrc_01jy00000000000000000000ab"),
    ("POST", "/v1/webhook_sources/whsrc_01jy00000000000000000000ab"),
    ("DELETE", "/v1/webhook_sources/whsrc_01jy00000000000000000000ab"),
    ("POST", "/v1/webhook_sources/whsrc_01jy00000000000000000000ab/signing_secrets"),
    (
        "DELETE",
        "/v1/webhook_sources/whsrc_01jy00000000000000000000ab/signing_secrets/whkey_01jy00000000000000000000ab",
    ),
    ("POST", "/v1/webhook_sources/whsrc_01jy00000000000000000000ab/test"),
    ("GET", "/v1/webhook_endpoints"),
    ("POST", "/v1/webhook_endpoints"),
    ("GET", "/v1/webhook_endpoints/whe_01jy00000000000000000000ab"),
    ("POST", "/v1/webhook_endpoints/whe_01jy00000000000000000000ab"),
    ("DELETE", "/v1/webhook_endpoints/whe_01jy00000000000000000000ab"),
    ("POST", "/v1/webhook_endpoints/whe_01jy00000000000000000000ab/rotate_secret"),
    (
        "DELETE",
        "/v1/webhook_endpoints/whe_01jy00000000000000000000ab/signing_secrets/whkey_01jy00000000000000000000ab",
    ),
    ("POST", "/v1/webhook_endpoints/whe_01jy00000000000000000000ab/test"),
    ("GET", "/v1/webhook_event_types"),
    ("POST", "/v1/webhook_event_types"),
    ("POST", "/v1/webhook_events"),
    ("POST", "/v1/webhook_events/batch"),
    ("GET", "/v1/organization/projects"),
    ("GET", "/v1/webhook_events"),
    ("GET", "/v1/webhook_events/whev_01jy00000000000000000000ab"),
    ("GET", "/v1/webhook_events/whev_01jy00000000000000000000ab/payload"),
    ("POST", "/v1/webhook_events/whev_01jy00000000000000000000ab/redeliver"),
    ("GET", "/v1/webhook_deliveries"),
    ("GET", "/v1/webhook_deliveries/whd_01jy00000000000000000000ab"),
    ("POST", "/v1/webhook_deliveries/whd_01jy00000000000000000000ab/redeliver"),
    ("POST", "/v1/webhook_deliveries/whd_01jy00000000000000000000ab/cancel"),
    ("GET", "/v1/webhook_replays"),
    ("POST", "/v1/webhook_replays"),
    ("GET", "/v1/webhook_replays/whrp_01jy00000000000000000000ab"),
    ("POST", "/v1/webhook_replays/whrp_01jy00000000000000000000ab/cancel"),
    ("GET", "/v1/webhook_stats"),
];

#[tokio::test]
async fn every_route_wants_the_key_before_anything_else() {
    let world = World::start().await;
    let mut client = world.connect().await;
    for (method, path) in ROUTES {
        let answer = client.request(method, path, &[], b"{").await;
        assert_eq!(answer.error(), (401, "missing_api_key".to_owned()), "{method} {path}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        let answer = client.request(method, path, &[("authorization", "Bearer wrong")], b"{").await;
        assert_eq!(answer.error(), (401, "invalid_api_key".to_owned()), "{method} {path}");
    }
}

#[tokio::test]
async fn with_the_key_what_does_not_exist_is_404_and_lists_are_empty() {
    let world = World::start().await;
    for (method, path) in ROUTES {
        let body = if path.ends_with("/test") { r#"{"event_type":"batch.completed"}"# } else { "{}" };
        let body = if path.ends_with("/signing_secrets") {
            r#"{"signing_secret":"a-long-enough-secret"}"#
        } else {
            body
        };
        let answer = world.api(method, path, body).await;
        if path.contains("00ab") {
            assert_eq!(answer.error(), (404, "not_found".to_owned()), "{method} {path}");
        } else {
            assert!(answer.status == 200 || method == "POST", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_project_is_the_default_one_or_the_one_that_is_named() {
    let world = World::start().await;
    let project = ringback_store::Store::config(&*world.store).projects().next().unwrap().project.clone();
    let authorization = format!("Bearer {KEY}");
    for (named, status) in [
        (project.id.to_string(), 200),
        ("default".to_owned(), 200),
        (String::new(), 200),
        ("proj_01jy00000000000000000000ab".to_owned(), 401),
        ("Default".to_owned(), 401),
    ] {
        let headers = [("authorization", authorization.as_str()), ("openai-project", named.as_str())];
        let answer = world.connect().await.request("GET", "/v1/webhook_stats", &headers, b"").await;
        assert_eq!(answer.status, status, "{named:?}");
        if status == 401 {
            assert_eq!(answer.error().1, "mismatched_project");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_answered_in_json() {
    let world = World::start().await;
    let mut client = world.connect().await;
    for path in ["/", "/v1", "/v1/webhook_endpoint", "/v1/webhook_events/a/b/c", "/in", "/in/", "/in/a/b"] {
        let answer = client.request("GET", path, &[], b"").await;
        assert_eq!(answer.error(), (404, "not_found".to_owned()), "{path}");
    }
    for (method, path, allow) in [
        ("DELETE", "/v1/webhook_sources", "GET,HEAD,POST"),
        ("PATCH", "/v1/webhook_endpoints/whe_01jy00000000000000000000ab", "GET,HEAD,POST,DELETE"),
        ("PUT", "/v1/webhook_events", "GET,HEAD,POST"),
        ("POST", "/v1/webhook_stats", "GET,HEAD"),
        ("POST", "/healthz", "GET,HEAD"),
    ] {
        let answer = client.request(method, path, &[], b"").await;
        assert_eq!(answer.error(), (405, "method_not_allowed".to_owned()), "{path}");
        assert_eq!(answer.header("allow"), Some(allow), "{path}");
    }
}

#[tokio::test]
async fn request_ids_are_our_own_and_differ() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let headers = [("x-request-id", "req_theirs")];
    let first = client.request("GET", "/healthz", &headers, b"").await;
    let second = client.request("GET", "/healthz", &headers, b"").await;
    let (first, second) = (first.header("x-request-id").unwrap(), second.header("x-request-id").unwrap());
    assert_ne!(first, second);
    assert!(first.starts_with("req_") && first != "req_theirs");
}

#[tokio::test]
async fn a_body_that_cannot_be_read_says_why() {
    let world = World::start().await;
    for (body, code, param) in [
        (r#"{"name": }"#, "invalid_json", None),
        ("[]", "invalid_json", None),
        (r#"{"name":"x","knid":"openai"}"#, "unknown_parameter", Some("knid")),
        ("{}", "missing_required_parameter", Some("name")),
        ("", "missing_required_parameter", Some("name")),
        (r#"{"name":7}"#, "invalid_type", Some("name")),
        (r#"{"name":""}"#, "string_below_min_length", Some("name")),
        (r#"{"name":"a\u0007"}"#, "invalid_value", Some("name")),
        (r#"{"name":"x","kind":"github"}"#, "invalid_value", Some("kind")),
    ] {
        let answer = world.api("POST", "/v1/webhook_sources", body).await;
        assert_eq!(answer.error(), (400, code.to_owned()), "{body}");
        assert_eq!(answer.param().as_deref(), param, "{body}");
    }
    let answer = world.api("POST", "/v1/webhook_sources", r#"{"name": }"#).await;
    assert!(answer.message().contains("line 1 column 10"), "{}", answer.message());
    let answer = world.api("POST", "/v1/webhook_sources", r#"{"name":"x","knid":"openai"}"#).await;
    assert!(answer.message().contains("did you mean `kind`?"), "{}", answer.message());
    let long = json!({"name": "é".repeat(257)});
    assert_eq!(world.post("/v1/webhook_sources", &long).await.error().1, "string_above_max_length");
    assert_eq!(world.post("/v1/webhook_sources", &json!({"name": "é".repeat(256)})).await.status, 200);
    let huge = " ".repeat(64 * 1024 + 1);
    assert_eq!(
        world.api("POST", "/v1/webhook_sources", &huge).await.error(),
        (413, "body_too_large".to_owned())
    );
}

#[tokio::test]
async fn a_stopped_store_is_503_and_worth_another_try() {
    let world = World::start().await;
    ringback_store::Store::close(&*world.store).await;
    let answer = world.post("/v1/webhook_sources", &json!({"name": "x"})).await;
    assert_eq!(answer.error(), (503, "shutting_down".to_owned()));
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert_eq!(answer.header("x-should-retry"), None);
}
