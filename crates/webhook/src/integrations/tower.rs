//! A tower layer that verifies before the inner service. Feature `tower`.
//!
//! The inner service sees only calls that verified: with the body as it came, in memory now, and the
//! [`Webhook`] in the request's extensions. All others are answered here; the [`Rejection`](super::Rejection)
//! is in the extensions of that response, for a layer outside that logs it.
//!
//! Not guaranteed: that the request is otherwise as it was. Its trailers are gone, and a `transfer-encoding`
//! that it came with says nothing about the body that is handed on.

use std::{
    error::Error,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{Either, Full};
use tower_layer::Layer;
use tower_service::Service;

use super::Receiver;
#[cfg(doc)]
use super::Webhook;

/// Wraps services into [`WebhookService`]s.
///
/// ```
/// use http::{Request, Response};
/// use ringback_webhook::{SigningSecret, Verifier, integrations::{Receiver, Webhook, tower::WebhookLayer}};
/// use tower_layer::Layer as _;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let secret = SigningSecret::parse("whsec_c2l4dGVlbiBieXRlcyBvciBtb3JlIG9mIGtleQ==")?;
/// # #[derive(Clone)]
/// # struct Inner;
/// let layer = WebhookLayer::new(Receiver::new(Verifier::new([secret])));
/// let service = layer.layer(Inner);
/// # Ok(())
/// # }
///
/// fn event_type<B>(request: &Request<B>) -> Option<&str> {
///     let webhook = request.extensions().get::<Webhook>()?;
///     Some(&webhook.received.event.event_type)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct WebhookLayer {
    receiver: Receiver,
}

impl WebhookLayer {
    /// A layer that lets through what `receiver` accepts.
    pub fn new(receiver: impl Into<Receiver>) -> Self {
        Self { receiver: receiver.into() }
    }
}

impl<S> Layer<S> for WebhookLayer {
    type Service = WebhookService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        WebhookService { inner, receiver: self.receiver.clone() }
    }
}

/// Verifies each call, and lets `S` answer those that verified. Made by [`WebhookLayer`].
#[derive(Clone, Debug)]
pub struct WebhookService<S> {
    inner: S,
    receiver: Receiver,
}

/// The answer of the inner service, or that of a rejection.
pub type ResponseBody<B> = Either<B, Full<Bytes>>;

impl<S, B, R> Service<Request<B>> for WebhookService<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The clone that stays behind has not been polled ready; the one that was is used.
        let fresh = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, fresh);
        let receiver = self.receiver.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let webhook = match receiver.read(&parts.headers, body).await {
                Ok(webhook) => webhook,
                Err(rejection) => return Ok(rejection.to_response().map(Either::Right)),
            };
            let body = Full::new(webhook.body.clone());
            parts.extensions.insert(webhook);
            let response = inner.call(Request::from_parts(parts, body)).await?;
            Ok(response.map(Either::Left))
        })
    }
}
