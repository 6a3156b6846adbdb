//! What every framework needs to receive: the verifier, the largest body, the clock.

use std::{fmt, sync::Arc};

use bytes::Bytes;

use super::{Rejection, content};
use crate::{HeaderLookup, ReceiveError, Received, UnixSeconds, Verifier};

/// The largest body that a [`Receiver`] takes if it is not told otherwise: 1 MiB, in bytes.
///
/// OpenAI's events are under 1 KiB, and Standard Webhooks 1.0.0 recommends at most about 20 kB.
pub const DEFAULT_MAX_BODY_BYTES: usize = 1024 * 1024;

/// Turns the calls that reach a web framework into [`Webhook`]s.
///
/// It is the one thing to put into the application's state; cloning it is cheap (reference counts).
#[derive(Clone)]
pub struct Receiver {
    verifier: Arc<Verifier>,
    max_body_bytes: usize,
    clock: Option<Clock>,
}

type Clock = Arc<dyn Fn() -> UnixSeconds + Send + Sync>;

/// A call that verified: the event in it, and the bytes that carried it. `Debug` shows no payload.
#[derive(Clone, PartialEq)]
pub struct Webhook {
    /// Who called, when, and the event.
    pub received: Received,
    /// The body exactly as it came, for whoever stores or forwards it.
    pub body: Bytes,
}

impl Receiver {
    /// A receiver of the calls that `verifier` accepts (a [`Verifier`], or an `Arc` of one), with
    /// [`DEFAULT_MAX_BODY_BYTES`] and the system's clock.
    pub fn new(verifier: impl Into<Arc<Verifier>>) -> Self {
        Self { verifier: verifier.into(), max_body_bytes: DEFAULT_MAX_BODY_BYTES, clock: None }
    }

    /// Sets the largest body, in bytes and inclusive. Default [`DEFAULT_MAX_BODY_BYTES`]; 0 takes empty
    /// bodies only, and `usize::MAX` in effect any.
    ///
    /// A framework's own limit for bodies has no part in it (axum's `DefaultBodyLimit`, actix-web's
    /// `PayloadConfig`).
    #[must_use]
    pub fn with_max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self
    }

    /// Replaces the system's clock, for tests and for programs that keep time themselves. It is asked once
    /// for each call whose body arrived.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> UnixSeconds + Send + Sync + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// The largest body, in bytes and inclusive.
    #[must_use]
    pub fn max_body_bytes(&self) -> usize {
        self.max_body_bytes
    }

    /// Judges a call whose body is already in memory: for servers that have no integration here.
    ///
    /// # Errors
    /// Every [`Rejection`] but those of a body that is still to be read.
    pub fn receive<H: HeaderLookup + ?Sized>(&self, headers: &H, body: Bytes) -> Result<Webhook, Rejection> {
        self.check_length(body.len() as u64)?;
        let outcome = self.verify_and_parse(headers, &body);
        // A content of the wrong kind explains why it is no event, so it is named first; but only to whoever
        // holds the secret.
        if outcome.as_ref().err().is_none_or(is_about_content) {
            content::check(headers)?;
        }
        Ok(Webhook { received: outcome?, body })
    }

    /// Whether a body of `bytes` may still be read.
    pub(super) fn check_length(&self, bytes: u64) -> Result<(), Rejection> {
        let limit_bytes = self.max_body_bytes;
        if usize::try_from(bytes).is_ok_and(|bytes| bytes <= limit_bytes) {
            Ok(())
        } else {
            Err(Rejection::BodyTooLarge { limit_bytes })
        }
    }

    fn verify_and_parse<H: HeaderLookup + ?Sized>(
        &self,
        headers: &H,
        body: &[u8],
    ) -> Result<Received, ReceiveError> {
        match &self.clock {
            Some(clock) => self.verifier.receive(headers, body, clock()),
            None => self.verifier.receive_now(headers, body),
        }
    }
}

/// Whether the call itself is in order, and only what it carries is not.
fn is_about_content(error: &ReceiveError) -> bool {
    match error {
        ReceiveError::Verify(error) => *error == crate::VerifyError::BodyNotUtf8,
        ReceiveError::Envelope(_) => true,
    }
}

impl From<Verifier> for Receiver {
    fn from(verifier: Verifier) -> Self {
        Self::new(verifier)
    }
}

impl From<Arc<Verifier>> for Receiver {
    fn from(verifier: Arc<Verifier>) -> Self {
        Self::new(verifier)
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("verifier", &self.verifier)
            .field("max_body_bytes", &self.max_body_bytes)
            .field("clock", &self.clock.as_ref().map_or("system", |_| "given"))
            .finish()
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("received", &self.received)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use super::{DEFAULT_MAX_BODY_BYTES, Receiver};
    use crate::{SigningSecret, UnixSeconds, Verifier, sign};

    const NOW: UnixSeconds = UnixSeconds(1_750_287_078);

    fn secret() -> SigningSecret {
        SigningSecret::from_key_bytes(&[1; 32]).unwrap()
    }

    fn receiver() -> Receiver {
        Receiver::from(Verifier::new([secret()])).with_clock(|| NOW)
    }

    fn receive(receiver: &Receiver, body: Vec<u8>) -> Result<super::Webhook, super::Rejection> {
        let mut headers = HeaderMap::new();
        sign([&secret()], "wh_1", NOW, &body).unwrap().apply(&mut headers);
        receiver.receive(&headers, Bytes::from(body))
    }

    #[test]
    fn a_mebibyte_is_the_most_by_default() {
        let around = r#"{"type":"a.b","data":{"x":""}}"#.len();
        let sized = |bytes: usize| {
            let filling = "x".repeat(bytes - around);
            format!(r#"{{"type":"a.b","data":{{"x":"{filling}"}}}}"#).into_bytes()
        };
        assert_eq!(DEFAULT_MAX_BODY_BYTES, 1_048_576);
        assert_eq!(receive(&receiver(), sized(1_048_576)).unwrap().body.len(), 1_048_576);
        assert_eq!(receive(&receiver(), sized(1_048_577)).unwrap_err().code(), "body_too_large");
    }

    #[test]
    fn a_length_beyond_memory_is_too_large_for_any_limit_but_the_largest() {
        assert!(receiver().check_length(u64::MAX).is_err());
        assert!(receiver().with_max_body_bytes(0).check_length(0).is_ok());
        assert!(receiver().with_max_body_bytes(0).check_length(1).is_err());
    }

    #[test]
    fn debug_shows_neither_secret_nor_payload() {
        let webhook = receive(&receiver(), br#"{"type":"a.b","data":{"id":"PAYLOAD"}}"#.to_vec()).unwrap();
        let shown = format!("{:?} {webhook:?}", receiver());
        assert!(shown.contains("[REDACTED]") && shown.contains("body_bytes: 38"), "{shown}");
        assert!(!shown.contains("PAYLOAD"), "{shown}");
    }
}
