//! `POST /v1/webhook_endpoints/{id}/test`.

use ringback_domain::Timestamp;
use ringback_testkit::{Receiver, Reply};
use ringback_webhook::SigningSecret;
use serde_json::{Value, json};

use crate::world::{NOW, World};

fn path(endpoint: &Value) -> String {
    format!("/v1/webhook_endpoints/{}", endpoint["id"].as_str().unwrap())
}

#[tokio::test]
async fn whatever_the_subscription_and_though_paused_or_disabled_it_is_called_once() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let fields = json!({"event_types": ["batch.failed"], "paused": true});
    let endpoint = world.endpoint(&receiver.url(), fields).await;
    world.post(&path(&endpoint), &json!({"disabled": true})).await.ok();
    let before = world.get(&path(&endpoint)).await.ok();
    let test = format!("{}/test", path(&endpoint));
    for (status, event_type) in
        [(200, "response.completed"), (500, "eval.run.canceled"), (302, "batch.failed")]
    {
        receiver.enqueue([Reply::status(status)]);
        let result = world.post(&test, &json!({"event_type": event_type})).await.ok();
        assert_eq!(result["object"], "webhook_endpoint.test");
        assert_eq!(result["webhook_endpoint_id"], endpoint["id"]);
        assert_eq!((&result["event_type"], &result["success"]), (&json!(event_type), &json!(true)));
        assert_eq!(result["status_code"], json!(status), "{result}");

        let call = receiver.next().await;
        let secret = SigningSecret::parse(endpoint["signing_secret"].as_str().unwrap()).unwrap();
        call.assert_verifies(&secret, Timestamp::from_unix_secs(NOW));
        let body: Value = serde_json::from_slice(&call.body).unwrap();
        assert_eq!(body["type"], event_type);

        let event =
            world.get(&format!("/v1/webhook_events/{}", result["event_id"].as_str().unwrap())).await.ok();
        let delivery = &event["deliveries"][0];
        assert_eq!(delivery["trigger"], "test");
        assert_eq!(delivery["state"], if status == 200 { "delivered" } else { "dead" }, "never retried");
        assert_eq!(delivery["attempts"].as_array().unwrap().len(), 1);
    }
    assert_eq!(world.get(&path(&endpoint)).await.ok(), before, "tests change nothing of an endpoint");
    assert_eq!(receiver.calls().len(), 3);
}

#[tokio::test]
async fn without_an_http_answer_it_is_502_with_the_outcome_as_its_code_and_not_to_be_repeated() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.enqueue([Reply::hang()]);
    let endpoint = world.endpoint(&receiver.url(), json!({"timeout_secs": 1})).await;
    let nobody = world.endpoint("http://127.0.0.1:1/", json!({})).await;
    for (endpoint, code) in [(endpoint, "timeout"), (nobody, "unreachable")] {
        let body = json!({"event_type": "batch.completed"});
        let answer = world.post(&format!("{}/test", path(&endpoint)), &body).await;
        assert_eq!(answer.error(), (502, code.to_owned()), "{}", answer.message());
        assert_eq!(answer.header("x-should-retry"), Some("false"));
    }
}

#[tokio::test]
async fn a_type_of_the_projects_own_can_be_tested_once_it_is_known() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let endpoint = world.endpoint(&receiver.url(), json!({})).await;
    let test = format!("{}/test", path(&endpoint));
    let body = json!({"event_type": "order.paid"});
    assert_eq!(world.post(&test, &body).await.error(), (400, "invalid_value".to_owned()));
    world.post("/v1/webhook_event_types", &json!({"name": "order.paid"})).await.ok();
    assert_eq!(world.post(&test, &body).await.ok()["status_code"], json!(200));
    let sent: Value = serde_json::from_slice(&receiver.next().await.body).unwrap();
    assert_eq!((&sent["type"], &sent["data"]), (&json!("order.paid"), &json!({"id": "sample"})));
    assert_eq!(world.post(&test, &json!({"event_type": "order.*"})).await.error().0, 400);
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let world = World::start().await;
    let endpoint = world.endpoint("https://app.example/", json!({})).await;
    let test = format!("{}/test", path(&endpoint));
    for (body, code) in [
        (json!({}), "missing_required_parameter"),
        (json!({"event_type": "batch.compelted"}), "invalid_value"),
        (json!({"event_type": 1}), "invalid_type"),
        (json!({"type": "batch.completed"}), "unknown_parameter"),
    ] {
        assert_eq!(world.post(&test, &body).await.error(), (400, code.to_owned()), "{body}");
    }
}
