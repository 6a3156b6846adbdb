//! The extractor in axum.

use std::future::IntoFuture as _;

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef},
    http::HeaderValue,
    response::Response,
    routing::post,
};
use ringback_webhook::integrations::{Receiver, Rejection, Webhook, tower::WebhookLayer};

use crate::{
    cases::{self, CODE},
    server::Server,
};

/// An application with other things in its state.
#[derive(Clone)]
struct State {
    receiver: Receiver,
}

impl FromRef<State> for Receiver {
    fn from_ref(state: &State) -> Self {
        state.receiver.clone()
    }
}

async fn on_webhook(webhook: Webhook) -> String {
    cases::report(&webhook)
}

/// What a layer that logs would see.
async fn tell_code(mut response: Response) -> Response {
    let code = cases::code_of(response.extensions().get::<Rejection>());
    if let Some(code) = code {
        response.headers_mut().insert(CODE, HeaderValue::from_static(code));
    }
    response
}

fn serve(app: Router) -> Server {
    Server::start(|listener, _| async move { axum::serve(listener, app).into_future().await.unwrap() })
}

#[test]
fn every_call_gets_its_answer() {
    let app = Router::new()
        .route("/webhook", post(on_webhook))
        .layer(axum::middleware::map_response(tell_code))
        .with_state(State { receiver: cases::receiver() });
    cases::check(serve(app).address);
}

#[test]
fn the_layer_does_the_same_for_a_router() {
    async fn on_webhook(axum::Extension(webhook): axum::Extension<Webhook>, body: String) -> String {
        assert_eq!(body.as_bytes(), &webhook.body[..]);
        cases::report(&webhook)
    }
    let app = Router::new()
        .route("/webhook", post(on_webhook))
        .layer(WebhookLayer::new(cases::receiver()))
        .layer(axum::middleware::map_response(tell_code));
    cases::check(serve(app).address);
}

#[test]
fn a_handler_can_judge_for_itself() {
    async fn on_webhook(webhook: Result<Webhook, Rejection>) -> String {
        webhook.map_or_else(|rejection| rejection.code().to_owned(), |webhook| cases::report(&webhook))
    }
    let server = serve(Router::new().route("/webhook", post(on_webhook)).with_state(cases::receiver()));
    let (forged, _, code) = cases::forged();
    let answer = forged.send(server.address);
    assert_eq!((answer.status, answer.body.as_str()), (200, code));
    assert!(cases::good().send(server.address).body.starts_with("wh_1 0 "));
}

#[test]
fn axum_s_own_limit_has_no_part_in_it() {
    let app = Router::new()
        .route("/webhook", post(on_webhook))
        .layer(DefaultBodyLimit::max(1))
        .with_state(cases::receiver());
    assert_eq!(cases::good().send(serve(app).address).status, 200);
}
