//! [`Webhook`] as an axum extractor. Feature `axum`, for axum 0.8.
//!
//! The application's state holds a [`Receiver`], or gives one by [`FromRef`]; a handler that takes a
//! [`Webhook`] then runs for calls that verified, and no others:
//!
//! ```
//! use axum::{Router, http::StatusCode, routing::post};
//! use ringback_webhook::{SigningSecret, Verifier, integrations::{Receiver, Webhook}};
//!
//! async fn on_webhook(Webhook { received, body: _ }: Webhook) -> StatusCode {
//!     // Remember `received.webhook_id`, hand `received.event` to a worker, and answer at once.
//!     assert!(!received.webhook_id.is_empty());
//!     StatusCode::OK
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let secret = SigningSecret::parse("whsec_c2l4dGVlbiBieXRlcyBvciBtb3JlIG9mIGtleQ==")?;
//! let app: Router = Router::new()
//!     .route("/webhook", post(on_webhook))
//!     .with_state(Receiver::new(Verifier::new([secret])).with_max_body_bytes(64 * 1024));
//! # Ok(())
//! # }
//! ```
//!
//! A handler that wants to judge for itself takes a `Result<Webhook, Rejection>`. To log what was turned
//! away, look into the extensions of the response for the [`Rejection`], in a layer.

use axum_core::{
    body::Body,
    extract::{FromRef, FromRequest, Request},
    response::{IntoResponse, Response},
};

use super::{Receiver, Rejection, Webhook};

/// Reads and verifies the call. It consumes the body, so it is the last argument of a handler.
impl<S> FromRequest<S> for Webhook
where
    Receiver: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Rejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let (parts, body) = request.into_parts();
        Receiver::from_ref(state).read(&parts.headers, body).await
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        self.to_response::<Body>()
    }
}
