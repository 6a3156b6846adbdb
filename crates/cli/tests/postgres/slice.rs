//! What comes in on PostgreSQL reaches the app, and what was answered survives.

use http::Method;
use ringback_testkit::postgres::Database;
use ringback_testkit::{Gate, Gateway, OpenAi, Receiver, Reply, secret, until, wall_clock_now};
use serde_json::{Value, json};

use crate::BINARY;

const BODY: &str = r#"{"type":"batch.completed","data":{"id":"batch_1"}}"#;

async fn post(openai: &mut OpenAi, webhook_id: &str) -> Value {
    let answer = openai.post(webhook_id, wall_clock_now().to_wire(), BODY).await.unwrap();
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.json()
}

async fn delivered(gateway: &Gateway, receipt: &Value) -> Value {
    let id = receipt["event_id"].as_str().unwrap();
    until("the event to be delivered", || async {
        Some(gateway.event(id).await).filter(|event| event["state"] == "delivered")
    })
    .await
}

#[tokio::test]
async fn a_signed_call_comes_in_reaches_the_app_and_is_sent_again() {
    let database = Database::create();
    let gateway = Gateway::builder(BINARY).database(&database.url()).start().await;
    let receiver = Receiver::start().await;
    let mut openai = gateway.openai(&secret(1)).await;
    let (endpoint, endpoint_secret) = gateway.create_endpoint(&receiver.url(), &["batch.*"]).await;

    let receipt = post(&mut openai, "wh_1").await;
    let call = receiver.next().await;
    call.assert_verifies(&endpoint_secret, wall_clock_now());
    assert_eq!(call.body, BODY);
    delivered(&gateway, &receipt).await;
    assert_eq!(post(&mut openai, "wh_1").await["status"], "duplicate");
    assert_eq!(gateway.events().await.len(), 1);

    let replay = json!({"endpoint_id": endpoint["id"]});
    let made = gateway.api(Method::POST, "/v1/webhook_replays", Some(&replay)).await;
    assert_eq!(made.status, 200, "{:?}", made.body);
    let again = receiver.next().await;
    assert_eq!(again.webhook_id(), "wh_1");
    gateway.terminate().await;
}

#[tokio::test]
async fn what_was_answered_survives_a_stop_and_a_kill() {
    let database = Database::create();
    let gateway = Gateway::builder(BINARY).database(&database.url()).start().await;
    let receiver = Receiver::start().await;
    let gate = Gate::shut();
    receiver.always(Reply::status(200).behind(&gate));
    let mut openai = gateway.openai(&secret(1)).await;
    gateway.create_endpoint(&receiver.url(), &["*"]).await;

    let cut_off = post(&mut openai, "wh_1").await;
    receiver.running(1).await;
    let gateway = gateway.kill().await.start().await;
    gate.open();
    delivered(&gateway, &cut_off).await;

    let gateway = gateway.terminate().await.start().await;
    let receipt = post(&mut openai, "wh_2").await;
    delivered(&gateway, &receipt).await;
    assert_eq!(post(&mut openai, "wh_1").await["status"], "duplicate");
    gateway.terminate().await;
}
