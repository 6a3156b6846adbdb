//! Is this call from the holder of the secret, and is it fresh?
//!
//! The order of the checks is part of the contract: headers, form of the timestamp, signature, age, encoding
//! of the body. So [`VerifyError::TimestampTooOld`] says that the signature *is* right, and a receiver may
//! keep such a call for a person to look at; nothing is learned about age from a forged call.
//!
//! Not guaranteed: that a call is new. Within the tolerance a recorded call verifies again; deduplicate by
//! [`Verified::webhook_id`].

mod builder;
mod error;
mod key;
mod offer;

pub use self::{
    builder::{BuildError, VerifierBuilder},
    error::{HeaderFault, VerifyError},
};
use self::{key::LabelledKey, offer::SignedText};
use crate::{
    headers::{self, HeaderLookup},
    secret::SigningSecret,
    time::UnixSeconds,
};

/// How far a timestamp may be from now, in seconds, either way and inclusive: 300, as in every OpenAI SDK and
/// Standard Webhooks library.
pub const DEFAULT_TOLERANCE_SECS: u32 = 300;

/// Checks the signature and age of received calls against one or several secrets.
#[derive(Clone, Debug)]
pub struct Verifier {
    keys: Vec<LabelledKey>,
    tolerance_secs: u32,
}

/// What is known of a call that verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified<'h> {
    /// The `webhook-id`, without blanks around it: the same for every attempt of an event. Not empty and free
    /// of control characters; ASCII, a length limit and the absence of inner blanks are *not* implied
    /// ([`crate::webhook_id::is_well_formed`]).
    pub webhook_id: &'h str,
    /// The `webhook-timestamp`: when this attempt was sent.
    pub timestamp: UnixSeconds,
    /// Which of the verifier's secrets matched, counted from 0 in the order given; the first, if several do.
    pub secret_index: usize,
}

impl Verifier {
    /// Begins a verifier with labels for its secrets and a check that there is one.
    pub fn builder() -> VerifierBuilder {
        VerifierBuilder::new()
    }

    /// A verifier that accepts what any of `secrets` signed, within [`DEFAULT_TOLERANCE_SECS`].
    ///
    /// Without a secret it accepts nothing; [`Verifier::builder`] refuses to make such a one.
    pub fn new(secrets: impl IntoIterator<Item = SigningSecret>) -> Self {
        Self {
            keys: secrets.into_iter().map(LabelledKey::from).collect(),
            tolerance_secs: DEFAULT_TOLERANCE_SECS,
        }
    }

    /// Sets how far the timestamp may be from now, in seconds, either way and inclusive. Any value is
    /// possible; 0 demands the same second, `u32::MAX` (136 years) in effect switches the check off.
    #[must_use]
    pub fn with_tolerance_secs(mut self, secs: u32) -> Self {
        self.tolerance_secs = secs;
        self
    }

    /// How far a timestamp may be from now, in seconds, either way and inclusive.
    #[must_use]
    pub fn tolerance_secs(&self) -> u32 {
        self.tolerance_secs
    }

    /// The label of the secret that [`Verified::secret_index`] counts; `None` if it has none, or if there is
    /// no such secret.
    #[must_use]
    pub fn label(&self, secret_index: usize) -> Option<&str> {
        self.keys.get(secret_index)?.label.as_deref()
    }

    /// Verifies one call: its headers, and its body exactly as received.
    ///
    /// The work is bounded by the sizes of the inputs: at most one HMAC per secret, however many signatures
    /// the header lists, and none when it lists no usable one. Signatures are compared in constant time. The
    /// exact reading of each header is in [`crate::verification`].
    ///
    /// # Errors
    /// In this order: [`MissingHeader`](VerifyError::MissingHeader),
    /// [`AmbiguousHeader`](VerifyError::AmbiguousHeader), [`MalformedHeader`](VerifyError::MalformedHeader),
    /// [`MalformedTimestamp`](VerifyError::MalformedTimestamp),
    /// [`UnusableSignature`](VerifyError::UnusableSignature),
    /// [`SignatureMismatch`](VerifyError::SignatureMismatch),
    /// [`TimestampTooOld`](VerifyError::TimestampTooOld) or
    /// [`TimestampTooNew`](VerifyError::TimestampTooNew), [`BodyNotUtf8`](VerifyError::BodyNotUtf8).
    pub fn verify<'h, H: HeaderLookup + ?Sized>(
        &self,
        headers: &'h H,
        body: &[u8],
        now: UnixSeconds,
    ) -> Result<Verified<'h>, VerifyError> {
        let id = headers::single(headers, headers::ID)?;
        let timestamp = headers::single(headers, headers::TIMESTAMP)?;
        let signatures = headers::single(headers, headers::SIGNATURE)?;
        let webhook_id = read_id(id)?;
        // The raw text is what was signed: `000123` and `123` are one time but two signatures.
        let seconds = read_timestamp(timestamp)?;
        let secret_index = self.matching_key(signatures, SignedText { id, timestamp, body })?;
        self.check_age(seconds, now)?;
        if std::str::from_utf8(body).is_err() {
            return Err(VerifyError::BodyNotUtf8);
        }
        Ok(Verified { webhook_id, timestamp: seconds, secret_index })
    }

    fn matching_key(&self, signatures: &[u8], text: SignedText<'_>) -> Result<usize, VerifyError> {
        let offer = offer::read(signatures, text);
        if let Some(index) = self.keys.iter().position(|key| offer.matches(&key.key)) {
            return Ok(index);
        }
        // Without any key it is said of secrets, as the common case.
        let usable =
            self.keys.iter().any(|key| offer.suits(&key.key)) || self.keys.is_empty() && offer.has_macs();
        Err(if usable { VerifyError::SignatureMismatch } else { VerifyError::UnusableSignature })
    }

    fn check_age(&self, timestamp: UnixSeconds, now: UnixSeconds) -> Result<(), VerifyError> {
        let tolerance_secs = self.tolerance_secs;
        let distance = now.0.abs_diff(timestamp.0);
        if distance <= u64::from(tolerance_secs) {
            Ok(())
        } else if timestamp < now {
            Err(VerifyError::TimestampTooOld { age_secs: distance, tolerance_secs })
        } else {
            Err(VerifyError::TimestampTooNew { ahead_secs: distance, tolerance_secs })
        }
    }
}

fn read_id(value: &[u8]) -> Result<&str, VerifyError> {
    let malformed = |fault| VerifyError::MalformedHeader { name: headers::ID, fault };
    let text = std::str::from_utf8(value).map_err(|_| malformed(HeaderFault::NotUtf8))?;
    // The bytes that HTTP itself forbids in a field value (RFC 9110, section 5.5); a tab is allowed.
    // Without an early end, so that several bytes are looked at together.
    let forbidden = |byte: u8| byte.is_ascii_control() && byte != b'\t';
    if text.bytes().fold(false, |found, byte| found | forbidden(byte)) {
        return Err(malformed(HeaderFault::ControlCharacter));
    }
    Ok(text)
}

/// Digits only: no sign, fraction, exponent or separator, on which libraries disagree. Leading zeros are
/// harmless.
fn read_timestamp(value: &[u8]) -> Result<UnixSeconds, VerifyError> {
    let mut seconds: i64 = 0;
    for byte in value {
        if !byte.is_ascii_digit() {
            return Err(VerifyError::MalformedTimestamp);
        }
        seconds = seconds
            .checked_mul(10)
            .and_then(|tens| tens.checked_add(i64::from(byte - b'0')))
            .ok_or(VerifyError::MalformedTimestamp)?;
    }
    Ok(UnixSeconds(seconds))
}

#[cfg(test)]
mod tests;
