//! The layer around a service of hyper, and its bodies when they fail.

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use ringback_webhook::integrations::{
    Rejection, Webhook,
    tower::{ResponseBody, WebhookLayer, WebhookService},
};
use tower_layer::Layer as _;
use tower_service::Service;

use crate::{
    cases::{self, CODE},
    server::Server,
};

/// The service inside: says what the layer gave it.
#[derive(Clone)]
struct Inner;

impl Service<Request<Full<Bytes>>> for Inner {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        Box::pin(async move {
            let webhook = request.extensions().get::<Webhook>().expect("the layer puts it there").clone();
            let body = request.into_body().collect().await?.to_bytes();
            assert_eq!(body, webhook.body, "the bytes as they came");
            Ok(Response::new(Full::from(cases::report(&webhook))))
        })
    }
}

/// The layer outside: what one that logs would see.
#[derive(Clone)]
struct TellCode(WebhookService<Inner>);

impl<B> Service<Request<B>> for TellCode
where
    WebhookService<Inner>:
        Service<Request<B>, Response = Response<ResponseBody<Full<Bytes>>>, Error = Infallible>,
    <WebhookService<Inner> as Service<Request<B>>>::Future: Send + 'static,
{
    type Response = Response<ResponseBody<Full<Bytes>>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let answered = self.0.call(request);
        Box::pin(async move {
            let mut response = answered.await?;
            if let Some(code) = cases::code_of(response.extensions().get::<Rejection>()) {
                response.headers_mut().insert(CODE, HeaderValue::from_static(code));
            }
            Ok(response)
        })
    }
}

#[test]
fn every_call_gets_its_answer() {
    let service = TellCode(WebhookLayer::new(cases::receiver()).layer(Inner));
    let server = Server::start(|listener, runtime| async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            let connection = hyper::server::conn::http1::Builder::new();
            runtime.spawn(connection.serve_connection(TokioIo::new(stream), service));
        }
    });
    cases::check(server.address);
}

/// A body that gives a byte and then an error.
struct Broken {
    given: bool,
    error: fn() -> Box<dyn std::error::Error + Send + Sync>,
}

impl Body for Broken {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let first = !std::mem::replace(&mut self.given, true);
        Poll::Ready(Some(if first { Ok(Frame::data(Bytes::from_static(b"{"))) } else { Err((self.error)()) }))
    }
}

/// A service that must not be reached.
#[derive(Clone)]
struct Unreached;

impl Service<Request<Full<Bytes>>> for Unreached {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        ready(Ok(Response::new(Full::from("reached"))))
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_the_caller_s_fault_and_keeps_its_cause() {
    let mut service = WebhookLayer::new(cases::receiver()).layer(Unreached);
    let body = Broken { given: false, error: || io::Error::other("cut").into() };
    let response = service.call(Request::new(body)).await.unwrap();
    let rejection = response.extensions().get::<Rejection>().unwrap();
    assert_eq!((response.status().as_u16(), rejection.code()), (400, "body_unreadable"));
    let cause = std::error::Error::source(rejection).unwrap();
    assert_eq!(
        (rejection.to_string().as_str(), cause.to_string().as_str()),
        ("the body did not arrive whole", "cut")
    );
}

#[tokio::test]
async fn the_limit_of_a_layer_outside_is_a_limit_too() {
    let mut service = WebhookLayer::new(cases::receiver()).layer(Unreached);
    let limited = Limited::new(Full::<Bytes>::from("{}"), 1);
    let response = service.call(Request::new(limited)).await.unwrap();
    assert_eq!(response.status(), 413);
    assert_eq!(cases::code_of(response.extensions().get::<Rejection>()), Some("body_too_large"));
}
