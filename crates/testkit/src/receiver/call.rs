//! One call, as the receiver got it.

use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Method};
use ringback_domain::{EndpointKey, Timestamp};
use ringback_webhook::{Verifier, VerifyError, WEBHOOK_ID, WEBHOOK_TIMESTAMP};

/// A call, whole.
#[derive(Debug, Clone)]
pub struct Call {
    /// Which of the receiver's connections it came over, counted from 0.
    pub connection: usize,
    /// Its method.
    pub method: Method,
    /// The path it was sent to, with its query.
    pub path: String,
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its body, byte for byte.
    pub body: Bytes,
    /// When its body was complete, by the monotonic clock.
    pub received: Instant,
}

impl Call {
    /// The one value of a header field.
    ///
    /// # Panics
    /// When it is missing, repeated, or not ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().unwrap_or_else(|| panic!("the call has no header {name}"));
        assert!(values.next().is_none(), "the call has several headers {name}");
        value.to_str().unwrap_or_else(|_| panic!("the header {name} is not ASCII"))
    }

    /// Its `webhook-id`.
    #[must_use]
    pub fn webhook_id(&self) -> &str {
        self.header(WEBHOOK_ID.as_str())
    }

    /// Its `webhook-timestamp`, in Unix seconds.
    ///
    /// # Panics
    /// When that is not a number.
    #[must_use]
    pub fn timestamp(&self) -> i64 {
        self.header(WEBHOOK_TIMESTAMP.as_str()).parse().expect("a webhook-timestamp is a number")
    }

    /// What somebody makes of the call at `now` who has what a receiver is given of this key.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn verify(&self, key: &(impl Clone + Into<EndpointKey>), now: Timestamp) -> Result<(), VerifyError> {
        let verifier = match key.clone().into() {
            EndpointKey::Secret(secret) => Verifier::new([secret]),
            EndpointKey::Private(key) => Verifier::builder()
                .public_key(key.public_key())
                .build()
                .expect("a verifier with a key can be built"),
        };
        verifier.verify(&self.headers, &self.body, now.to_wire()).map(drop)
    }

    /// Checks that whoever has what a receiver is given of this key accepts the call at `now`.
    ///
    /// # Panics
    /// When it does not verify, saying why.
    pub fn assert_verifies(&self, key: &(impl Clone + Into<EndpointKey>), now: Timestamp) {
        if let Err(error) = self.verify(key, now) {
            panic!("the call {} does not verify: {error}", self.webhook_id());
        }
    }
}
