//! Parameters that nobody reads, or that could be read in two ways, of whatever is asked to happen.

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_query_is_refused_where_something_would_happen() {
    let world = World::start().await;
    let endpoint = world.endpoint("https://app.example/", json!({"paused": true})).await;
    let event = world.publish("a.b", "a").await;
    let endpoint = format!("/v1/webhook_endpoints/{}", endpoint["id"].as_str().unwrap());
    for (method, path, body) in [
        ("POST", "/v1/webhook_replays".to_owned(), "{}"),
        (
            "POST",
            "/v1/webhook_endpoints".to_owned(),
            r#"{"name":"a","url":"https://a.example/","event_types":["*"]}"#,
        ),
        ("POST", endpoint.clone(), r#"{"name":"b"}"#),
        ("POST", "/v1/webhook_events".to_owned(), r#"{"type":"a.b","data":{}}"#),
        ("POST", format!("/v1/webhook_events/{event}/redeliver"), ""),
        ("POST", "/v1/organization/projects".to_owned(), r#"{"name":"shop"}"#),
        ("DELETE", endpoint.clone(), ""),
    ] {
        for headers in [&[][..], &[("idempotency-key", "k")]] {
            let asked = format!("{path}?dry_run=true");
            let answer = world.api_as(crate::world::KEY, headers, method, &asked, body).await;
            assert_eq!(answer.error(), (400, "unknown_parameter".to_owned()), "{method} {path}");
            assert_eq!(answer.param().as_deref(), Some("dry_run"), "{method} {path}");
        }
    }
    assert_eq!(world.get("/v1/webhook_replays").await.ok()["data"], json!([]));
    assert_eq!(world.get(&endpoint).await.ok()["name"], "app");
    assert_eq!(world.get("/v1/webhook_events").await.ok()["data"].as_array().unwrap().len(), 1);
    let source = world.source().await;
    world
        .signed_call(
            &crate::world::Source { path: format!("{}?x=1", source.path), ..source },
            "wh_1",
            crate::world::EVENT,
        )
        .await
        .ok();
}

#[tokio::test]
async fn a_key_that_is_there_twice_is_refused_in_every_body() {
    let world = World::start().await;
    let endpoint = r#""name":"a","url":"https://app.example/","event_types":["*"]"#;
    for (path, body, param) in [
        ("webhook_replays", r#"{"dry_run":true,"dry_run":false}"#.to_owned(), "dry_run"),
        ("webhook_sources", r#"{"name":"a","name":"a"}"#.to_owned(), "name"),
        ("webhook_endpoints", format!(r#"{{{endpoint},"paused":true,"paused":false}}"#), "paused"),
        ("webhook_endpoints", format!(r#"{{{endpoint},"headers":{{"x-a":"1","x-a":"2"}}}}"#), "headers.x-a"),
        (
            "webhook_endpoints",
            format!(r#"{{{endpoint},"authentication":{{"type":"bearer","token":"a","token":"b"}}}}"#),
            "authentication.token",
        ),
        (
            "webhook_event_types",
            r#"{"name":"a.b","max_age_secs":1,"max_age_secs":2}"#.to_owned(),
            "max_age_secs",
        ),
        ("organization/projects", r#"{"name":"a","name":"b"}"#.to_owned(), "name"),
        ("webhook_events", r#"{"type":"a.b","type":"a.c","data":{}}"#.to_owned(), "type"),
        ("webhook_events/batch", r#"{"events":[],"events":[]}"#.to_owned(), "events"),
        (
            "webhook_events/batch",
            r#"{"events":[{"type":"a.b","data":{}},{"type":"a.b","data":{},"data":{}}]}"#.to_owned(),
            "events[1].data",
        ),
    ] {
        let answer = world.api("POST", &format!("/v1/{path}"), &body).await;
        assert_eq!(answer.error(), (400, "repeated_parameter".to_owned()), "{body}");
        assert_eq!(answer.param().as_deref(), Some(param), "{body}");
    }
    for list in ["webhook_replays", "webhook_endpoints", "webhook_events"] {
        assert_eq!(world.get(&format!("/v1/{list}")).await.ok()["data"], json!([]), "{list}");
    }
    // What is published is for its receivers to read.
    world.api("POST", "/v1/webhook_events", r#"{"type":"a.b","data":{"x":1,"x":2}}"#).await.ok();
}
