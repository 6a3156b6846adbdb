//! What a receiver with the library of the Standard Webhooks project for Rust makes of the deliveries.
//!
//! It shares no code with `ringback-webhook`, down to the HMAC. It reads the clock itself, so all of this is
//! about now.

use http::Method;
use ringback_testkit::{Call, Gateway, OpenAi, Receiver, secret, wall_clock_now};
use ringback_webhook::SigningSecret;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

const BINARY: &str = env!("CARGO_BIN_EXE_ringback");

/// Bytes that no serialiser would write.
const BODY: &str =
    "{ \"type\":\"batch.completed\",\t\"data\":{\"id\":\"batch_\\u00e9é\"}, \"n\": 1.50e+2 }\n";

/// Those of the secrets with which the library accepts a call, by their position.
fn accepted_by(call: &Call, secrets: &[&SigningSecret]) -> Vec<usize> {
    let accepts = |secret: &SigningSecret| {
        let library = Webhook::new(&secret.reveal()).expect("the library reads our secrets");
        library.verify(&call.body, &call.headers).is_ok()
    };
    secrets.iter().enumerate().filter(|(_, secret)| accepts(secret)).map(|(position, _)| position).collect()
}

async fn post(gateway: &Gateway, path: &str, body: Value) -> Value {
    let answer = gateway.api(Method::POST, path, Some(&body)).await;
    assert_eq!(answer.status, 200, "{path}: {:?}", answer.body);
    answer.json()
}

async fn rotate(gateway: &Gateway, endpoint: &str, keep_old: bool) -> SigningSecret {
    let body = json!({"keep_old_secret_active_for_24_hours": keep_old});
    let rotated = post(gateway, &format!("{endpoint}/rotate_secret"), body).await;
    let secret = rotated["signing_secret"].as_str().expect("a rotation shows the new secret");
    SigningSecret::parse(secret).expect("an endpoint's secret is whsec_ and base64")
}

#[tokio::test]
async fn it_accepts_what_came_in_what_was_published_and_tests() {
    let gateway = Gateway::start(BINARY).await;
    let receiver = Receiver::start().await;
    let (endpoint, signing_secret) = gateway.create_endpoint(&receiver.url(), &["*"]).await;
    let endpoint = format!("/v1/webhook_endpoints/{}", endpoint["id"].as_str().unwrap());

    let mut openai: OpenAi = gateway.openai(&secret(1)).await;
    let answer = openai.post("wh_1", wall_clock_now().to_wire(), BODY.to_owned()).await.unwrap();
    assert_eq!(answer.status, 200);
    let passed_on = receiver.next().await;
    assert_eq!(passed_on.body, BODY);
    // Its sender's secret is not the receiver's.
    assert_eq!(accepted_by(&passed_on, &[&secret(1), &signing_secret]), [1]);

    post(&gateway, "/v1/webhook_events", json!({"type": "order.paid", "data": {"note": "é\u{1f980}"}})).await;
    assert_eq!(accepted_by(&receiver.next().await, &[&signing_secret]), [0]);

    post(&gateway, &format!("{endpoint}/test"), json!({"event_type": "response.completed"})).await;
    let mut tested = receiver.next().await;
    assert_eq!(accepted_by(&tested, &[&signing_secret]), [0]);

    // A body that was changed on the way, so that what was accepted above was not just anything.
    tested.body = [&tested.body[..], b" "].concat().into();
    assert_eq!(accepted_by(&tested, &[&signing_secret]), [0; 0]);
    gateway.terminate().await;
}

#[tokio::test]
async fn it_accepts_both_secrets_during_an_overlap_and_only_the_new_one_without() {
    let gateway = Gateway::start(BINARY).await;
    let receiver = Receiver::start().await;
    let (endpoint, first) = gateway.create_endpoint(&receiver.url(), &["order.*"]).await;
    let endpoint = format!("/v1/webhook_endpoints/{}", endpoint["id"].as_str().unwrap());
    let event = json!({"type": "order.paid", "data": {"id": "order_1"}});

    let second = rotate(&gateway, &endpoint, true).await;
    post(&gateway, "/v1/webhook_events", event.clone()).await;
    assert_eq!(accepted_by(&receiver.next().await, &[&first, &second]), [0, 1]);

    let third = rotate(&gateway, &endpoint, false).await;
    post(&gateway, "/v1/webhook_events", event).await;
    assert_eq!(accepted_by(&receiver.next().await, &[&first, &second, &third]), [2]);
    gateway.terminate().await;
}
