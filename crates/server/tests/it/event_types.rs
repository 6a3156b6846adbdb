//! `/v1/webhook_event_types`.

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn registered_received_and_published_types_are_listed_and_may_be_named() {
    let world = World::start().await;
    let registered = world.post("/v1/webhook_event_types", &json!({"name": "order.paid"})).await.ok();
    assert_eq!(registered, json!({"object": "webhook_event_type", "name": "order.paid"}));
    world.post("/v1/webhook_event_types", &json!({"name": "order.paid"})).await.ok();
    world.post("/v1/webhook_event_types", &json!({"name": "batch.completed"})).await.ok();
    let source = world.source().await;
    world.signed_call(&source, "wh_1", br#"{"type":"galaxy.exploded"}"#).await.ok();
    world.post("/v1/webhook_events", &json!({"type": "a.published", "data": {}})).await.ok();

    let paged = world.get("/v1/webhook_event_types?limit=1").await;
    assert_eq!(paged.error(), (400, "unknown_parameter".to_owned()));
    let types = world.get("/v1/webhook_event_types").await.ok();
    let names = types["data"].as_array().unwrap();
    assert_eq!(names[27..], [json!("a.published"), json!("galaxy.exploded"), json!("order.paid")]);
    let endpoint = json!({"name": "app", "url": "https://app.example/", "event_types": names});
    world.post("/v1/webhook_endpoints", &endpoint).await.ok();
}

#[tokio::test]
async fn another_projects_types_are_not_known_here() {
    let world = World::start().await;
    let (_, key) = world.project("shop").await;
    let name = json!({"name": "order.paid"}).to_string();
    world.api_as(&key, &[], "POST", "/v1/webhook_event_types", &name).await.ok();
    assert_eq!(world.get("/v1/webhook_event_types").await.ok()["data"].as_array().unwrap().len(), 27);
    let endpoint = json!({"name": "app", "url": "https://app.example/", "event_types": ["order.paid"]});
    assert_eq!(
        world.post("/v1/webhook_endpoints", &endpoint).await.error(),
        (400, "invalid_value".to_owned())
    );
}

#[tokio::test]
async fn what_is_no_type_is_refused() {
    let world = World::start().await;
    for name in ["batch", "batch.*", "*", ".a", "a..b", "a b.c", "é.b"] {
        let answer = world.post("/v1/webhook_event_types", &json!({"name": name})).await;
        assert_eq!(answer.error(), (400, "invalid_value".to_owned()), "{name}");
        assert_eq!(answer.param().as_deref(), Some("name"));
    }
}
