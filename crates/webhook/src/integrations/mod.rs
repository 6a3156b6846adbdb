//! The crate inside a web framework, and around an HTTP client.
//!
//! # The actors
//!
//! | who | feature | what it does |
//! |---|---|---|
//! | [`request`] | none | signs an [`http::Request`] whose body is in memory |
//! | `Receiver` | `receiver` | a [`Verifier`](crate::Verifier), the largest body and a clock: makes a `Webhook` of what came in, or a `Rejection`, which knows the status to answer |
//! | `Receiver::read` | `http_body` | the same for a body that is still to be read: hyper and its kin |
//! | `axum` | `axum` | the `Webhook` as an extractor of axum 0.8 |
//! | `actix` | `actix` | the `Webhook` as an extractor of actix-web 4 |
//! | `tower` | `tower` | a layer that verifies before the inner service |
//! | `reqwest` | `reqwest` | signs the requests of reqwest 0.13 |
//!
//! All features are off by default. The frameworks share the `Receiver` (their features bring it), so that
//! they cannot differ in what they accept. They are the only part of the crate that waits for bytes and, by
//! `verify_now`, asks what time it is; they open nothing and spawn nothing.
//!
//! # One call's way
//!
//! The checks stand in this order, and the first that fails decides.
//!
//! | check | status | `Rejection::code` |
//! |---|---|---|
//! | the announced length, then what really comes, is at most `max_body_bytes` | 413 | `body_too_large` |
//! | the body arrives whole | 400 | `body_unreadable` |
//! | the headers, the signature, the age ([`Verifier::verify`](crate::Verifier::verify)) | 400 or 401 | that of the [`VerifyError`](crate::VerifyError) |
//! | no `content-encoding` but `identity` | 415 | `unsupported_content_encoding` |
//! | a `content-type`, if there is one, of JSON | 415 | `unsupported_content_type` |
//! | the body is an event | 400 | that of the [`EnvelopeError`](crate::EnvelopeError) |
//!
//! The answer says no more than its status does: whoever sends a forged or recorded call learns neither which
//! check it failed nor whether its signature was right. The operator learns it from the `Rejection`, which
//! every framework's integration leaves where a layer outside of it can pick it up and log it.
//!
//! # What is not guaranteed
//!
//! - That a call is new: remember [`Received::webhook_id`](crate::Received::webhook_id), for longer than a
//!   sender retries (OpenAI: 72 hours).
//! - That a body arrives in time: how long a connection may dawdle is the server's setting.
//! - That the bytes are those of the wire. A layer outside that inflates, logs or writes the body again hands
//!   on another body, and the signature of that one does not match.
//! - Trailers: they are not covered by the signature, and dropped.

#[cfg(feature = "actix")]
pub mod actix;
#[cfg(feature = "axum")]
pub mod axum;
#[cfg(feature = "http_body")]
mod body;
#[cfg(feature = "receiver")]
mod content;
#[cfg(feature = "receiver")]
mod receiver;
#[cfg(feature = "receiver")]
mod rejection;
pub mod request;
#[cfg(feature = "reqwest")]
pub mod reqwest;
#[cfg(feature = "tower")]
pub mod tower;

#[cfg(feature = "receiver")]
pub use self::{
    receiver::{DEFAULT_MAX_BODY_BYTES, Receiver, Webhook},
    rejection::Rejection,
};
