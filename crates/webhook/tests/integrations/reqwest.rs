//! What reqwest sends, once signed, is received.

use axum::{Router, routing::post};
use bytes::Bytes;
use http_body_util::Full;
use reqwest::{Body, Client};
use ringback_webhook::{
    SignError, SigningSecret, UnixSeconds, Verifier, WEBHOOK_ID, WEBHOOK_SIGNATURE,
    integrations::{
        Receiver, Webhook,
        reqwest::{SignRequestError, sign_builder, sign_request},
    },
};

use crate::{cases, server::Server};

const NOW: UnixSeconds = UnixSeconds(1_750_287_078);
const URL: &str = "http://127.0.0.1/webhook";

fn secret() -> SigningSecret {
    SigningSecret::from_key_bytes(&[1; 32]).unwrap()
}

#[test]
fn a_signed_request_is_received() {
    async fn on_webhook(webhook: Webhook) -> String {
        cases::report(&webhook)
    }
    let receiver = Receiver::new(Verifier::new([secret()])).with_clock(|| NOW);
    let app = Router::new().route("/webhook", post(on_webhook)).with_state(receiver);
    let server = Server::start(|listener, _| async move { axum::serve(listener, app).await.unwrap() });

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (status, said) = runtime.block_on(async {
        let request = Client::new()
            .post(format!("http://{}/webhook", server.address))
            .body(r#"{"type":"batch.completed","data":{"id":"batch_1"}}"#);
        let response = sign_builder(request, [&secret()], "wh_7", NOW).unwrap().send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    });
    assert_eq!((status, said.as_str()), (200, "wh_7 0 batch.completed 50"));
}

#[test]
fn no_body_is_an_empty_one() {
    let mut request = Client::new().post(URL).build().unwrap();
    sign_request(&mut request, [&secret()], "wh_1", NOW).unwrap();
    let verified = Verifier::new([secret()]).verify(request.headers(), b"", NOW).unwrap();
    assert_eq!(verified.webhook_id, "wh_1");
}

#[test]
fn a_stream_is_refused_and_the_request_stays_as_it_was() {
    let stream = Body::wrap(Full::<Bytes>::from("{}"));
    let mut request = Client::new().post(URL).body(stream).build().unwrap();
    let error = sign_request(&mut request, [&secret()], "wh_1", NOW).unwrap_err();
    assert!(matches!(error, SignRequestError::BodyNotInMemory), "{error:?}");
    assert!(!request.headers().contains_key(WEBHOOK_ID));
}

#[test]
fn the_cause_is_kept() {
    let signed = |url: &str, id: &str| sign_builder(Client::new().post(url), [&secret()], id, NOW);
    let error = signed(URL, "a b").unwrap_err();
    assert!(matches!(error, SignRequestError::Sign(SignError::MalformedId)), "{error:?}");
    assert!(std::error::Error::source(&error).is_some());
    let error = signed("no address", "wh_1").unwrap_err();
    assert!(matches!(error, SignRequestError::Build(_)), "{error:?}");
}

#[test]
fn the_signature_is_not_shown() {
    let request =
        sign_builder(Client::new().post(URL).body("{}"), [&secret()], "wh_1", NOW).unwrap().build().unwrap();
    assert!(request.headers()[WEBHOOK_SIGNATURE].is_sensitive());
    assert!(!format!("{request:?}").contains("v1,"));
}
