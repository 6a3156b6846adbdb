//! Projects are separate worlds: every route, asked with another project's key for this project's ids.

use serde_json::{Value, json};

use crate::world::{EVENT, KEY, NOW, SECRET, World, signed};

/// What one project has.
struct Possessions {
    source: Value,
    endpoint: Value,
    event: String,
    receipt: String,
    delivery: String,
    replay: String,
}

async fn furnish(world: &World, key: &str) -> Possessions {
    let post =
        async |path: &str, body: Value| world.api_as(key, &[], "POST", path, &body.to_string()).await.ok();
    let source = post("/v1/webhook_sources", json!({"name": "prod", "signing_secret": SECRET})).await;
    let endpoint = post(
        "/v1/webhook_endpoints",
        json!({"name": "a", "url": "https://app.example/", "event_types": ["x.*"], "paused": true}),
    )
    .await;
    let rotate = format!("/v1/webhook_endpoints/{}/rotate_secret", endpoint["id"].as_str().unwrap());
    let endpoint = post(&rotate, json!({"keep_old_secret_active_for_24_hours": true})).await;
    let url = source["url"].as_str().unwrap();
    let ingest = url.strip_prefix(&format!("http://{}", world.address)).unwrap();
    world.call(ingest, &signed("wh_1", NOW, EVENT).borrowed(), EVENT).await.ok();
    let get = async |path: &str| world.api_as(key, &[], "GET", path, "").await.ok();
    let first = |list: Value| list["data"][0]["id"].as_str().unwrap().to_owned();
    let event = first(get("/v1/webhook_events").await);
    let redeliver = format!("/v1/webhook_events/{event}/redeliver");
    let delivery = first(post(&redeliver, json!({"endpoint_id": endpoint["id"]})).await);
    let replay = post("/v1/webhook_replays", json!({"created_before": NOW})).await;
    Possessions {
        source,
        endpoint,
        event,
        receipt: first(get("/v1/webhook_receipts").await),
        delivery,
        replay: replay["id"].as_str().unwrap().to_owned(),
    }
}

#[tokio::test]
async fn nothing_of_one_project_is_there_for_another() {
    let world = World::start().await;
    let ((_, mine), (_, theirs)) = (world.project("mine").await, world.project("theirs").await);
    let Possessions { source, endpoint, event, receipt, delivery, replay } = furnish(&world, &mine).await;
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
        ("POST", format!("/v1/webhook_events/{event}/redeliver"), ""),
        ("GET", format!("/v1/webhook_deliveries/{delivery}"), ""),
        ("POST", format!("/v1/webhook_deliveries/{delivery}/redeliver"), ""),
        ("POST", format!("/v1/webhook_deliveries/{delivery}/cancel"), ""),
        ("GET", format!("/v1/webhook_replays/{replay}"), ""),
        ("POST", format!("/v1/webhook_replays/{replay}/cancel"), ""),
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
    for list in [
        "/v1/webhook_endpoints",
        "/v1/webhook_receipts",
        "/v1/webhook_events",
        "/v1/webhook_deliveries",
        &format!("/v1/webhook_deliveries?endpoint_id={endpoint_id}"),
        &format!("/v1/webhook_deliveries?event_id={event}"),
        &format!("/v1/webhook_deliveries?replay_id={replay}"),
        "/v1/webhook_replays",
    ] {
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
    let no_endpoints = json!({"active": 0, "paused": 0, "disabled": 0, "failing": 0});
    assert_eq!((&stats["sources"], &stats["endpoints"]), (&json!(1), &no_endpoints));

    // Everything is as it was for its owner.
    for (method, path, _) in routes.iter().filter(|(method, ..)| *method == "GET") {
        assert_eq!(world.api_as(&mine, &[], method, path, "").await.status, 200, "{path}");
    }
    let held = world.api_as(&mine, &[], "GET", &format!("/v1/webhook_deliveries/{delivery}"), "").await.ok();
    assert_eq!(held["state"], "pending");
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

#[tokio::test]
async fn no_request_may_name_what_another_project_has() {
    let world = World::start().await;
    let ((_, mine), (_, theirs)) = (world.project("mine").await, world.project("theirs").await);
    let Possessions { source, endpoint, .. } = furnish(&world, &mine).await;
    let Possessions { event, .. } = furnish(&world, &theirs).await;
    let redeliver = format!("/v1/webhook_events/{event}/redeliver");
    for (path, param, id) in [
        (redeliver.as_str(), "endpoint_id", &endpoint["id"]),
        ("/v1/webhook_replays", "endpoint_id", &endpoint["id"]),
        ("/v1/webhook_replays", "source_id", &source["id"]),
    ] {
        for more in [json!({}), json!({"dry_run": true}), json!({"target_url": "https://app.example/"})] {
            let mut body = json!({ param: id });
            if path == "/v1/webhook_replays" {
                body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            }
            let answer = world.api_as(&theirs, &[], "POST", path, &body.to_string()).await;
            assert_eq!(answer.error(), (404, "not_found".to_owned()), "{path} {body}");
            assert_eq!(answer.param().as_deref(), Some(param), "{path} {body}");
        }
    }
    let replays = world.api_as(&theirs, &[], "GET", "/v1/webhook_replays", "").await.ok();
    assert_eq!(replays["data"].as_array().unwrap().len(), 1, "nothing was made");
}
