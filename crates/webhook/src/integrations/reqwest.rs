//! Signing reqwest's requests. Feature `reqwest`, for reqwest 0.13.
//!
//! ```
//! use ringback_webhook::{SigningSecret, UnixSeconds, integrations::reqwest::sign_builder};
//!
//! # type Sent = Result<(), Box<dyn std::error::Error>>;
//! # async fn send(client: reqwest::Client, secret: SigningSecret, now: UnixSeconds) -> Sent {
//! let request = client.post("https://app.example/webhook").body(r#"{"type":"batch.completed","data":{}}"#);
//! let response = sign_builder(request, [&secret], "wh_1", now)?.send().await?;
//! # Ok(())
//! # }
//! ```
//!
//! A sender of webhooks does not follow redirects: build the client with `redirect::Policy::none()`.

use ::reqwest::{Request, RequestBuilder};

use crate::{SignError, UnixSeconds, sign, sign::Signer};

/// Why a request of reqwest is not signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignRequestError {
    /// The builder could not make a request.
    #[error("the request cannot be built")]
    Build(#[source] ::reqwest::Error),
    /// The body is a stream, and what is not there yet cannot be signed.
    #[error("the body is a stream; only a body in memory can be signed")]
    BodyNotInMemory,
    /// The request is in order, but the id, the timestamp or the secrets are not.
    #[error("the request cannot be signed")]
    Sign(#[source] SignError),
}

/// Signs the body of `request` with each of `signers` and sets the three headers, in place of any that are
/// there. A request without a body is signed as one with an empty body.
///
/// Sign again for every attempt, with that attempt's `timestamp` and the same `webhook_id` ([`sign`]).
///
/// # Errors
/// [`SignRequestError::BodyNotInMemory`], [`SignRequestError::Sign`]; the request is then as it was.
pub fn sign_request<'a, S: Signer + ?Sized + 'a>(
    request: &mut Request,
    signers: impl IntoIterator<Item = &'a S>,
    webhook_id: &str,
    timestamp: UnixSeconds,
) -> Result<(), SignRequestError> {
    let body = match request.body() {
        None => &[],
        Some(body) => body.as_bytes().ok_or(SignRequestError::BodyNotInMemory)?,
    };
    let signed = sign(signers, webhook_id, timestamp, body).map_err(SignRequestError::Sign)?;
    signed.apply(request.headers_mut());
    Ok(())
}

/// The same for a request that is still being built. Call it last: a body that is set afterwards is not the
/// one that was signed.
///
/// # Errors
/// [`SignRequestError::Build`], and those of [`sign_request`].
pub fn sign_builder<'a, S: Signer + ?Sized + 'a>(
    builder: RequestBuilder,
    signers: impl IntoIterator<Item = &'a S>,
    webhook_id: &str,
    timestamp: UnixSeconds,
) -> Result<RequestBuilder, SignRequestError> {
    let (client, request) = builder.build_split();
    let mut request = request.map_err(SignRequestError::Build)?;
    sign_request(&mut request, signers, webhook_id, timestamp)?;
    Ok(RequestBuilder::from_parts(client, request))
}
