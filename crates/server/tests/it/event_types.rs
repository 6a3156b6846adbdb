//! `/v1/webhook_event_types`.

use ringback_testkit::Receiver;
use serde_json::json;

use crate::world::{NOW, World};

#[tokio::test]
async fn registered_received_and_published_types_are_listed_and_may_be_named() {
    let world = World::start().await;
    let registered = world.post("/v1/webhook_event_types", &json!({"name": "order.paid"})).await.ok();
    assert_eq!(
        registered,
        json!({"object": "webhook_event_type", "name": "order.paid", "max_age_secs": null, "registered": true})
    );
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
async fn a_type_tells_how_fast_it_ages_and_whether_it_is_registered() {
    let world = World::start().await;
    let types = "/v1/webhook_event_types";
    world.post(types, &json!({"name": "order.paid", "max_age_secs": 30})).await.ok();
    world.post(types, &json!({"name": "eval.run.cancelled", "max_age_secs": 7})).await.ok();
    for (asked, name, max_age, registered) in [
        ("order.paid", "order.paid", json!(30), true),
        ("order%2Epaid", "order.paid", json!(30), true),
        ("order.shipped", "order.shipped", json!(null), false),
        ("batch.completed", "batch.completed", json!(null), false),
        ("realtime.call.incoming", "realtime.call.incoming", json!(60), false),
        ("eval.run.canceled", "eval.run.canceled", json!(7), true),
    ] {
        let shown = world.get(&format!("{types}/{asked}")).await.ok();
        let expected = json!({"object": "webhook_event_type", "name": name, "max_age_secs": max_age, "registered": registered});
        assert_eq!(shown, expected, "{asked}");
    }
    for asked in ["order", "order.*", "*", "a%20b.c", "%ff.a"] {
        let answer = world.get(&format!("{types}/{asked}")).await;
        assert_eq!(answer.error(), (404, "not_found".to_owned()), "{asked}");
    }
    let (_, key) = world.project("shop").await;
    let other = world.api_as(&key, &[], "GET", &format!("{types}/order.paid"), "").await.ok();
    assert_eq!((&other["max_age_secs"], &other["registered"]), (&json!(null), &json!(false)));
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

#[tokio::test]
async fn how_old_a_types_events_may_be_is_set_kept_and_set_back() {
    let world = World::start().await;
    for (name, max_age, in_force) in [
        ("order.paid", json!(30), json!(30)),
        ("order.paid", json!(2_592_000), json!(2_592_000)),
        ("order.paid", json!(0), json!(null)),
        ("order.paid", json!(null), json!(null)),
        // The catalogue's own default.
        ("realtime.call.incoming", json!(null), json!(60)),
        ("realtime.call.incoming", json!(5), json!(5)),
        ("realtime.call.incoming", json!(0), json!(null)),
        ("realtime.call.incoming", json!(null), json!(60)),
        ("eval.run.cancelled", json!(7), json!(7)),
    ] {
        let body = json!({"name": name, "max_age_secs": max_age});
        let set = world.post("/v1/webhook_event_types", &body).await.ok();
        assert_eq!(set["max_age_secs"], in_force, "{body}");
        let kept = world.post("/v1/webhook_event_types", &json!({"name": name})).await.ok();
        assert_eq!(kept, set, "what is left out stays: {body}");
    }
    let other = world.post("/v1/webhook_event_types", &json!({"name": "eval.run.canceled"})).await.ok();
    assert_eq!(other["max_age_secs"], json!(7), "one type in two spellings");
    let names = world.get("/v1/webhook_event_types").await.ok()["data"].as_array().unwrap().len();
    assert_eq!(names, 28, "no type of the catalogue is listed twice");

    for (max_age, code) in [
        (json!(-1), "invalid_value"),
        (json!(1.5), "invalid_value"),
        (json!(2_592_001), "invalid_value"),
        (json!("60"), "invalid_type"),
    ] {
        let body = json!({"name": "order.paid", "max_age_secs": max_age});
        let answer = world.post("/v1/webhook_event_types", &body).await;
        assert_eq!(answer.error(), (400, code.to_owned()), "{body}");
        assert_eq!(answer.param().as_deref(), Some("max_age_secs"));
    }
}

#[tokio::test]
async fn a_type_that_ages_expires_its_deliveries() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    world.post("/v1/webhook_event_types", &json!({"name": "order.paid", "max_age_secs": 30})).await.ok();
    world.endpoint(&receiver.url(), json!({"paused": true})).await;
    let event = world.publish("order.paid", "order_1").await;
    let event = world.get(&format!("/v1/webhook_events/{event}")).await.ok();
    assert_eq!(event["deliveries"][0]["expires_at"], json!(NOW + 30));
    let lasting = world.publish("order.shipped", "order_1").await;
    let lasting = world.get(&format!("/v1/webhook_events/{lasting}")).await.ok();
    assert_eq!(lasting["deliveries"][0]["expires_at"], json!(null));
    world.turn(30);
    let list = "/v1/webhook_deliveries?state=dead";
    let dead = world.wait_for(list, |list| list["data"][0]["end_reason"] == "expired").await;
    assert_eq!(dead["data"].as_array().unwrap().len(), 1);
}
