//! Is this call from the holder of the secret, and is it fresh?
//!
//! The order of the checks is part of the contract: headers, form of the timestamp, signature, age, encoding
//! of the body. So [`VerifyError::TimestampTooOld`] says that the signature *is* right, and a receiver may
//! keep such a call for a person to look at; nothing is learned about age from a forged call.
//!
//! Not guaranteed: that a call is new. Within the tolerance a recorded call verifies again; deduplicate by
//! [`Verified::webhook_id`].

mod error;

use subtle::{Choice, ConstantTimeEq as _};

pub use self::error::{HeaderFault, VerifyError};
use crate::{
    headers::{self, HeaderLookup},
    secret::SigningSecret,
    signature,
    time::UnixSeconds,
};

/// How far a timestamp may be from now, in seconds, either way and inclusive: 300, as in every OpenAI SDK and
/// Standard Webhooks library.
pub const DEFAULT_TOLERANCE_SECS: u32 = 300;

/// Checks the signature and age of received calls against one or several secrets.
#[derive(Clone, Debug)]
pub struct Verifier {
    secrets: Vec<SigningSecret>,
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
    /// A verifier that accepts what any of `secrets` signed, within [`DEFAULT_TOLERANCE_SECS`].
    ///
    /// Without a secret it accepts nothing.
    pub fn new(secrets: impl IntoIterator<Item = SigningSecret>) -> Self {
        Self { secrets: secrets.into_iter().collect(), tolerance_secs: DEFAULT_TOLERANCE_SECS }
    }

    /// Sets how far the timestamp may be from now, in seconds, either way and inclusive. Any value is
    /// possible; 0 demands the same second, `u32::MAX` (136 years) in effect switches the check off.
    #[must_use]
    pub fn with_tolerance_secs(mut self, secs: u32) -> Self {
        self.tolerance_secs = secs;
        self
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
        let secret_index = self.matching_secret(id, timestamp, body, signatures)?;
        self.check_age(seconds, now)?;
        if std::str::from_utf8(body).is_err() {
            return Err(VerifyError::BodyNotUtf8);
        }
        Ok(Verified { webhook_id, timestamp: seconds, secret_index })
    }

    fn matching_secret(
        &self,
        id: &[u8],
        timestamp: &[u8],
        body: &[u8],
        signatures: &[u8],
    ) -> Result<usize, VerifyError> {
        if signature::candidates(signatures).next().is_none() {
            return Err(VerifyError::UnusableSignature);
        }
        let matches = |secret: &SigningSecret| {
            let expected = secret.mac(id, timestamp, body);
            signature::candidates(signatures)
                .fold(Choice::from(0), |found, given| found | given.ct_eq(&expected))
                .into()
        };
        self.secrets.iter().position(matches).ok_or(VerifyError::SignatureMismatch)
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
    if text.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
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
