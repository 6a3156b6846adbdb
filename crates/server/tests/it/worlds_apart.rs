//! Projects are separate worlds: every route, asked with another project's key for this project's ids.

use serde_json::{Value, json};

use crate::world::{EVENT, KEY, NOW, SECRET, World, signed};

/// What one project has.
struct Possessions {
    source: Value,
    endpoint: Value,
    event: String,
    receipt: String,
}

async fn furnish(world: &World, key: &str) -> Possessions {
    let post =
        async |path: &str, body: Value| world.api_as(key, &[], "POST", path, &body.to_string()).await.ok();
    let source = post("/v1/webhook_sources", json!({"name": "prod", "signing_secret": SECRET})).await;
    let endpoint = post(
        "/v1/webhook_endpoints",
        json!({"name": "a", "url": "https://app.example/", "event_types": ["x.*"]}),
    )
    .await;
    let rotate = format!("/v1/webhook_endpoints/{}/rotate_secret", endpoint["id"].as_str().unwrap());
    let endpoint = post(&rotate, json!({"keep_old_secret_active_for_24_hours": true})).await;
    let url = source["url"].as_str().unwrap();
    let ingest = url.strip_prefix(&format!("http://{}", world.address)).unwrap();
    world.call(ingest, &signed("wh_1", NOW, EVENT).borrowed(), EVENT).await.ok();
    let get = async |path: &str| world.api_as(key, &[], "GET", path, "").await.ok();
    let first = |list: Value| list["data"][0]["id"].as_str().unwrap().to_owned();
    Possessions {
        source,
        endpoint,
        event: first(get("/v1/webhook_events").await),
        receipt: first(get("/v1/webhook_receipts").await),
    }
}

#[tokio::test]
async fn nothing_of_one_project_is_there_for_another() {
    let world = World::start().await;
    let ((_, mine), (_, theirs)) = (world.project("mine").await, world.project("theirs").await);
    let Possessions { source, endpoint, event, receipt } = furnish(&world, &mine).await;
    let (source_id, endpoint_id) = (source["id"].as_str().unwrap(), endpoint["id"].as_str().unwrap());
    let source_secret = source["signing_secrets"][0]["id"].as_str().unwrap();
    let older_secret = endpoint["signing_secrets"][0]["id"].as_str().unwrap();
    let sources = format!("/v1/webhook_sources/{source_id}");
    let endpoints = format!("/v1/webhook_endpoints/{endpoint_id}");
    let routes = [
        ("GET", sources.clone(), ""),
        ("POST", sources.clone(), r#"{"name":"x"}"#),
        ("POST", format!("{sources}/signing_secrets"), r#"{"signing_secret":"a-long-enough-secret"}"#),
        ("DELETE", format!("{sources}/signing_secrets/{source_secret}"), ""),
        ("POST", format!("{sources}/test"), r#"{"event_type":"batch.completed"}"#),
        ("DELETE", sources, ""),
        ("GET", endpoints.clone(), ""),
        ("POST", endpoints.clone(), r#"{"name":"x"}"#),
        ("POST", format!("{endpoints}/rotate_secret"), "{}"),
        ("DELETE", format!("{endpoints}/signing_secrets/{older_secret}"), ""),
        ("POST", format!("{endpoints}/test"), r#"{"event_type":"batch.completed"}"#),
        ("DELETE", endpoints, ""),
        ("GET", format!("/v1/webhook_receipts/{receipt}"), ""),
        ("POST", format!("/v1/webhook_receipts/{receipt}/admit"), ""),
        ("GET", format!("/v1/webhook_events/{event}"), ""),
        ("GET", format!("/v1/webhook_events/{event}/payload"), ""),
    ];
    for (method, path, body) in &routes {
        let answer = world.api_as(&theirs, &[], method, path, body).await;
        assert_eq!(answer.error(), (404, "not_found".to_owned()), "{method} {path}");
        let default = world.api_as(KEY, &[], method, path, body).await;
        assert_eq!(
            default.error(),
            (404, "not_found".to_owned()),
            "the default project is another: {method} {path}"
        );
    }
    for list in ["/v1/webhook_endpoints", "/v1/webhook_receipts", "/v1/webhook_events"] {
        assert_eq!(world.api_as(&theirs, &[], "GET", list, "").await.ok()["data"], json!([]), "{list}");
        let after = format!("{list}?after={}", if list.ends_with("events") { &event } else { "" });
        if list.ends_with("events") {
            assert_eq!(
                world.api_as(&theirs, &[], "GET", &after, "").await.ok()["data"],
                json!([]),
                "{after}"
            );
        }
    }
    let their_sources = world.api_as(&theirs, &[], "GET", "/v1/webhook_sources", "").await.ok();
    assert_eq!(their_sources["data"].as_array().unwrap().len(), 1, "their own, of what is published");
    let stats = world.api_as(&theirs, &[], "GET", "/v1/webhook_stats", "").await.ok();
    assert_eq!((&stats["sources"], &stats["endpoints"]), (&json!(1), &json!(0)));

    // Everything is as it was for its owner.
    for (method, path, _) in routes.iter().filter(|(method, ..)| *method == "GET") {
        assert_eq!(world.api_as(&mine, &[], method, path, "").await.status, 200, "{path}");
    }
    let kept =
        world.api_as(&mine, &[], "GET", &format!("/v1/webhook_endpoints/{endpoint_id}"), "").await.ok();
    assert_eq!(kept["signing_secrets"], endpoint["signing_secrets"]);
}

#[tokio::test]
async fn what_one_project_publishes_reaches_only_its_own_endpoints_and_ids() {
    let world = World::start().await;
    let receiver = ringback_testkit::Receiver::start().await;
    let ((_, mine), (_, theirs)) = (world.project("mine").await, world.project("theirs").await);
    let endpoint = json!({"name": "a", "url": receiver.url(), "event_types": ["*"]}).to_string();
    world.api_as(&theirs, &[], "POST", "/v1/webhook_endpoints", &endpoint).await.ok();
    let event = json!({"type": "a.b", "data": {"n": 1}, "webhook_id": "wh_1"}).to_string();
    let ours = world.api_as(&mine, &[], "POST", "/v1/webhook_events", &event).await.ok();
    let path = format!("/v1/webhook_events/{}", ours["id"].as_str().unwrap());
    assert_eq!(world.api_as(&mine, &[], "GET", &path, "").await.ok()["state"], "unrouted");
    let other = json!({"type": "a.b", "data": {"n": 2}, "webhook_id": "wh_1"}).to_string();
    let answer = world.api_as(&theirs, &[], "POST", "/v1/webhook_events", &other).await.ok();
    assert_eq!(answer["duplicate"], json!(false), "ids are a project's own");
    assert_eq!(receiver.next().await.webhook_id(), "wh_1");
    assert_eq!(receiver.call_count(), 1);
}
