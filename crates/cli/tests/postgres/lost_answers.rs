//! The way to the database breaks with the answer to a commit: what is asked again under its
//! `Idempotency-Key` is not done twice.

use bytes::Bytes;
use http::{Request, StatusCode, header};
use ringback_testkit::postgres::{Mode, OwnServer, Proxy};
use ringback_testkit::{ADMIN_KEY, Answer, Gateway, HttpLine, until};
use serde_json::{Value, json};

use crate::BINARY;

const EVENTS: &str = "/v1/webhook_events";
const ENDPOINTS: &str = "/v1/webhook_endpoints";

/// Asks under a key.
async fn post(gateway: &Gateway, key: &str, path: &str, body: &Value) -> Answer {
    let request = Request::post(path)
        .header(header::AUTHORIZATION, format!("Bearer {ADMIN_KEY}"))
        .header("idempotency-key", key)
        .body(Bytes::from(body.to_string()));
    HttpLine::new(gateway.url()).send(request.unwrap()).await.unwrap()
}

fn code(answer: &Answer) -> Value {
    answer.json()["error"]["code"].clone()
}

#[tokio::test]
async fn a_request_whose_commit_was_not_answered_is_done_once() {
    let server = OwnServer::start();
    let proxy = Proxy::start(server.port());
    let url = format!("postgres://ringback@127.0.0.1:{}/postgres", proxy.port);
    let gateway = Gateway::builder(BINARY).database(&url).start().await;
    // Over the socket, past what breaks.
    let other = Gateway::builder(BINARY).database(server.url()).start().await;

    let event = json!({"type": "a.b", "data": {"mark": "doubtful-event"}});
    proxy.set(Mode::CutAtCommit("doubtful-event"));
    let lost = post(&gateway, "event", EVENTS, &event).await;
    assert_eq!((lost.status, code(&lost)), (StatusCode::SERVICE_UNAVAILABLE, json!("outcome_unknown")));
    assert_eq!(proxy.mode(), Mode::Forward, "nothing was cut");
    // Whichever node is asked again.
    let again = post(&other, "event", EVENTS, &event).await.json();
    assert_eq!(again["duplicate"], true, "{again}");
    assert_eq!(post(&gateway, "event", EVENTS, &event).await.json(), again);
    assert_eq!(gateway.events().await.len(), 1);

    let endpoint =
        json!({"name": "doubtful-app", "url": "http://127.0.0.1:1/", "event_types": ["batch.completed"]});
    proxy.set(Mode::CutAtCommit("doubtful-app"));
    let lost = post(&gateway, "endpoint", ENDPOINTS, &endpoint).await;
    assert_eq!((lost.status, code(&lost)), (StatusCode::SERVICE_UNAVAILABLE, json!("outcome_unknown")));
    assert_eq!(proxy.mode(), Mode::Forward, "nothing was cut");
    let again = post(&gateway, "endpoint", ENDPOINTS, &endpoint).await;
    assert_eq!((again.status, code(&again)), (StatusCode::CONFLICT, json!("idempotency_interrupted")));
    until("the endpoint to be known, and once", || async {
        let known = other.get(ENDPOINTS).await["data"].as_array().unwrap().len();
        assert!(known <= 1, "{known} were made");
        (known == 1).then_some(())
    })
    .await;
    gateway.terminate().await;
    other.terminate().await;
}
