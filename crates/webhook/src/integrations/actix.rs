//! [`Webhook`] as an actix-web extractor. Feature `actix`, for actix-web 4.
//!
//! The application's data holds a [`Receiver`]; a handler that takes a [`Webhook`] then runs for calls that
//! verified, and no others:
//!
//! ```
//! use actix_web::{App, HttpResponse, web};
//! use ringback_webhook::{SigningSecret, Verifier, integrations::{Receiver, Webhook}};
//!
//! async fn on_webhook(Webhook { received, body: _ }: Webhook) -> HttpResponse {
//!     // Remember `received.webhook_id`, hand `received.event` to a worker, and answer at once.
//!     assert!(!received.webhook_id.is_empty());
//!     HttpResponse::Ok().finish()
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let secret = SigningSecret::parse("whsec_c2l4dGVlbiBieXRlcyBvciBtb3JlIG9mIGtleQ==")?;
//! let receiver = Receiver::new(Verifier::new([secret])).with_max_body_bytes(64 * 1024);
//! let app = App::new().app_data(receiver.clone()).route("/webhook", web::post().to(on_webhook));
//! # Ok(())
//! # }
//! ```
//!
//! The body is taken as it came over the wire. actix-web's own extractors inflate a packed one if one of its
//! `compress-…` features is on anywhere in the program, and then no signature matches.
//!
//! A handler that wants to judge for itself takes a `Result<Webhook, Rejection>`. To log what was turned
//! away, ask the response's `error()` for a [`Rejection`] (`as_error`), in a middleware.

use std::{future::Future, pin::Pin, sync::Arc};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse, ResponseError,
    dev::Payload,
    http::{
        StatusCode,
        header::{CONTENT_LENGTH, HeaderMap, HeaderValue},
    },
    web,
};
use bytes::Bytes;

use super::{Receiver, Rejection, Webhook};
use crate::HeaderLookup;

/// Reads and verifies the call. It consumes the body, so a handler can have only one such argument.
///
/// The [`Receiver`] is looked for in the application's data as it is, then inside [`web::Data`]; without one
/// the answer is 500, [`Rejection::NotConfigured`].
impl FromRequest for Webhook {
    type Error = Rejection;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let receiver = find_receiver(request).cloned();
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            let receiver = receiver.ok_or(Rejection::NotConfigured)?;
            let body = read(&receiver, &request, payload).await?;
            receiver.receive(request.headers(), body)
        })
    }
}

fn find_receiver(request: &HttpRequest) -> Option<&Receiver> {
    let wrapped = || request.app_data::<web::Data<Receiver>>().map(web::Data::get_ref);
    request.app_data::<Receiver>().or_else(wrapped)
}

async fn read(receiver: &Receiver, request: &HttpRequest, mut payload: Payload) -> Result<Bytes, Rejection> {
    if let Some(length) = announced_bytes(request.headers()) {
        receiver.check_length(length)?;
    }
    let limit_bytes = receiver.max_body_bytes();
    let body = web::Payload::from_request(request, &mut payload).await.map_err(|error| unreadable(&error))?;
    match body.to_bytes_limited(limit_bytes).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => Err(unreadable(&error)),
        Err(_) => Err(Rejection::BodyTooLarge { limit_bytes }),
    }
}

/// A length that cannot be read is the server's to refuse; the body is counted as it comes in any case.
fn announced_bytes(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// actix-web's errors stay on their thread, so only what they say is kept.
fn unreadable(error: &actix_web::Error) -> Rejection {
    Rejection::BodyUnreadable { cause: Arc::from(Box::from(error.to_string())) }
}

impl ResponseError for Rejection {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status().as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code()).content_type("application/json").body(self.public_body())
    }
}

/// actix-web's map is of an older `http` than the one of this crate.
impl HeaderLookup for HeaderMap {
    fn header_values<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h [u8]> {
        self.get_all(name).map(HeaderValue::as_bytes)
    }
}
