//! Verifying and parsing in one call: what `client.webhooks.unwrap()` is in OpenAI's SDKs.
//!
//! The event is parsed only after the signature and the age are right, so nothing of a forged body is ever
//! looked at. Unlike some SDKs, the type need not be a known one, and what is not an event is an error.

use std::fmt;

use http::StatusCode;

use crate::{
    envelope::EnvelopeError,
    event::Event,
    headers::HeaderLookup,
    time::UnixSeconds,
    verify::{Verifier, VerifyError},
};

/// An event, and what is known of the call that brought it. `Debug` shows no payload.
#[derive(Clone, PartialEq)]
pub struct Received {
    /// The `webhook-id`: the same for every attempt of an event, so the key for deduplication. Remember it
    /// for longer than the sender retries (OpenAI: 72 hours).
    pub webhook_id: String,
    /// The `webhook-timestamp`: when this attempt was sent, which is not when the event happened.
    pub timestamp: UnixSeconds,
    /// Which of the verifier's secrets matched, counted from 0 in the order given.
    pub secret_index: usize,
    /// The label of that secret, if it has one. When the old one's no longer comes up, a rotation is done.
    pub secret_label: Option<String>,
    /// The event in the body.
    pub event: Event,
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("webhook_id", &self.webhook_id)
            .field("timestamp", &self.timestamp)
            .field("secret_index", &self.secret_index)
            .field("secret_label", &self.secret_label)
            .field("event_type", &self.event.event_type)
            .finish_non_exhaustive()
    }
}

/// Why a call was not received. It holds no value out of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The call does not verify.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The call is authentic, but its body is not an event.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
}

impl ReceiveError {
    /// A stable name of the cause, in `snake_case`: that of the [`VerifyError`] or [`EnvelopeError`].
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Verify(error) => error.code(),
            Self::Envelope(error) => error.code(),
        }
    }

    /// The status to answer with: 401 where another secret or another time could have made the call right,
    /// 400 where nothing could.
    ///
    /// | status | cause |
    /// |---|---|
    /// | 400 | a header that is ambiguous or malformed, a body that is no UTF-8 or no event |
    /// | 401 | a header that is missing, a signature that is unusable or wrong, a timestamp out of tolerance |
    ///
    /// OpenAI's samples answer 400 throughout. It makes no difference to a sender, which tries again after
    /// anything but 2xx, but it does to whoever reads the access log: 401 asks for a look at secrets and
    /// clocks, 400 for one at the sender. Answer with the status alone: which check failed is for the log,
    /// since a forger could learn from it.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Verify(
                VerifyError::AmbiguousHeader { .. }
                | VerifyError::MalformedHeader { .. }
                | VerifyError::MalformedTimestamp
                | VerifyError::BodyNotUtf8,
            )
            | Self::Envelope(_) => StatusCode::BAD_REQUEST,
            Self::Verify(
                VerifyError::MissingHeader { .. }
                | VerifyError::UnusableSignature
                | VerifyError::SignatureMismatch
                | VerifyError::TimestampTooOld { .. }
                | VerifyError::TimestampTooNew { .. },
            ) => StatusCode::UNAUTHORIZED,
        }
    }
}

impl Verifier {
    /// Verifies one call and reads the event in it: [`Verifier::verify`], then [`Event::parse`].
    ///
    /// `body` is the body exactly as received, and `now` the receiver's clock (with the feature `verify_now`,
    /// `receive_now` reads it).
    ///
    /// # Errors
    /// [`ReceiveError::Verify`] with the errors of [`Verifier::verify`], then [`ReceiveError::Envelope`] with
    /// those of [`Event::parse`].
    ///
    /// ```
    /// # use ringback_webhook::{SigningSecret, UnixSeconds, Verifier, sign};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let secret = SigningSecret::parse("whsec_c2l4dGVlbiBieXRlcyBvciBtb3JlIG9mIGtleQ==")?;
    /// # let now = UnixSeconds(1_750_287_078);
    /// # let body = br#"{"type":"response.completed","data":{"id":"resp_1"}}"#;
    /// # let mut headers = http::HeaderMap::new();
    /// # sign([&secret], "wh_1", now, body)?.apply(&mut headers);
    /// let verifier = Verifier::builder().secret(secret).build()?;
    /// match verifier.receive(&headers, body, now) {
    ///     Ok(received) => assert_eq!(received.event.event_type, "response.completed"),
    ///     Err(error) => println!("answer {}, log {}: {error}", error.status(), error.code()),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn receive<H: HeaderLookup + ?Sized>(
        &self,
        headers: &H,
        body: &[u8],
        now: UnixSeconds,
    ) -> Result<Received, ReceiveError> {
        let verified = self.verify(headers, body, now)?;
        let event = Event::parse(body)?;
        Ok(Received {
            webhook_id: verified.webhook_id.to_owned(),
            timestamp: verified.timestamp,
            secret_index: verified.secret_index,
            secret_label: self.label(verified.secret_index).map(str::to_owned),
            event,
        })
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::{ReceiveError, Received};
    use crate::{
        EnvelopeError, SigningSecret, UnixSeconds, Verifier, VerifyError, WEBHOOK_ID, WEBHOOK_SIGNATURE, sign,
    };

    const NOW: UnixSeconds = UnixSeconds(1_750_287_078);
    const BODY: &[u8] = br#"{"type":"galaxy.exploded","data":{"id":"SENTINEL"}}"#;

    fn secret(byte: u8) -> SigningSecret {
        SigningSecret::from_key_bytes(&[byte; 32]).unwrap()
    }

    fn signed(body: &[u8]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        sign([&secret(2)], "wh_1", NOW, body).unwrap().apply(&mut headers);
        headers
    }

    fn receive(headers: &HeaderMap, body: &[u8], now: UnixSeconds) -> Result<Received, ReceiveError> {
        let builder = Verifier::builder().labelled_secret("old", secret(1)).labelled_secret("new", secret(2));
        builder.build().unwrap().receive(headers, body, now)
    }

    #[test]
    fn a_good_call_is_an_event_with_its_circumstances() {
        let received = receive(&signed(BODY), BODY, UnixSeconds(NOW.0 + 9)).unwrap();
        assert_eq!((received.webhook_id.as_str(), received.timestamp), ("wh_1", NOW));
        assert_eq!((received.secret_index, received.secret_label.as_deref()), (1, Some("new")));
        assert_eq!(received.event.event_type, "galaxy.exploded");
        assert!(!format!("{received:?}").contains("SENTINEL"), "no payload in Debug");
    }

    #[test]
    fn a_forged_body_is_not_looked_at() {
        let error = receive(&signed(b"{}"), b"not json", NOW).unwrap_err();
        assert_eq!(error, ReceiveError::Verify(VerifyError::SignatureMismatch));
        let error = receive(&signed(b"not json"), b"not json", NOW).unwrap_err();
        assert_eq!((error.code(), error.status()), ("not_json", StatusCode::BAD_REQUEST));
    }

    #[test]
    fn the_status_tells_wrong_keys_and_clocks_from_calls_that_nothing_can_mend() {
        let mut no_id = signed(BODY);
        no_id.remove(WEBHOOK_ID);
        let mut ambiguous = signed(BODY);
        ambiguous.append(WEBHOOK_SIGNATURE, "v1,other".parse().unwrap());
        let later = UnixSeconds(NOW.0 + 301);
        for (headers, body, now, status, code) in [
            (&no_id, BODY, NOW, 401, "missing_header"),
            (&ambiguous, BODY, NOW, 400, "ambiguous_header"),
            (&signed(BODY), b"{}", NOW, 401, "signature_mismatch"),
            (&signed(BODY), BODY, later, 401, "timestamp_too_old"),
            (&signed(b"\xff"), b"\xff", NOW, 400, "body_not_utf8"),
            (&signed(b"{}"), b"{}", NOW, 400, "missing_type"),
        ] {
            let error = receive(headers, body, now).unwrap_err();
            assert_eq!((error.status().as_u16(), error.code()), (status, code));
        }
    }

    #[test]
    fn the_cause_is_the_error_itself() {
        let error = ReceiveError::from(EnvelopeError::MissingType);
        assert_eq!(error.to_string(), EnvelopeError::MissingType.to_string());
    }
}
