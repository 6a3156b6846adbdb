//! Why a call did not verify: one variant per cause, none with a value out of the call.

/// Why a received call is not accepted.
///
/// The variants stand in the order of the checks. From [`VerifyError::TimestampTooOld`] on, the signature is
/// right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A header is absent or empty.
    #[error("the header {name} is missing or empty")]
    MissingHeader {
        /// Its name, in lower case.
        name: &'static str,
    },
    /// A header occurs several times with different values.
    #[error("the header {name} occurs several times with different values")]
    AmbiguousHeader {
        /// Its name, in lower case.
        name: &'static str,
    },
    /// The value of `webhook-id` is not text.
    #[error("the header {name} {fault}")]
    MalformedHeader {
        /// Its name, in lower case.
        name: &'static str,
        /// What is wrong with its value.
        fault: HeaderFault,
    },
    /// `webhook-timestamp` is not a whole number of seconds in digits, or beyond 63 bits.
    #[error("the header webhook-timestamp is not a whole number of seconds")]
    MalformedTimestamp,
    /// `webhook-signature` holds nothing that one of the verifier's keys could have made: for secrets, no
    /// token of 32 bytes in canonical base64, labelled `v1` or not at all; for public keys, none of 64 bytes,
    /// labelled `v1a`.
    #[error("the header webhook-signature holds no signature that could be checked")]
    UnusableSignature,
    /// No signature was made with one of the secrets over this id, timestamp and body.
    #[error("no signature matches")]
    SignatureMismatch,
    /// The signature is right, but the timestamp is too long ago.
    #[error("the timestamp is {age_secs} s old, more than the {tolerance_secs} s allowed")]
    TimestampTooOld {
        /// How long ago, in seconds.
        age_secs: u64,
        /// What the verifier allows, in seconds.
        tolerance_secs: u32,
    },
    /// The signature is right, but the timestamp is too far in the future: one of the two clocks is wrong.
    #[error("the timestamp is {ahead_secs} s in the future, more than the {tolerance_secs} s allowed")]
    TimestampTooNew {
        /// How far ahead, in seconds.
        ahead_secs: u64,
        /// What the verifier allows, in seconds.
        tolerance_secs: u32,
    },
    /// Everything is right, but the body is not UTF-8, which no library of this standard accepts.
    #[error("the body is not UTF-8")]
    BodyNotUtf8,
}

/// What makes the value of a header unusable as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderFault {
    /// Its bytes are not UTF-8.
    NotUtf8,
    /// It holds a control character other than a tab.
    ControlCharacter,
}

impl std::fmt::Display for HeaderFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotUtf8 => "is not UTF-8",
            Self::ControlCharacter => "holds a control character",
        })
    }
}

impl VerifyError {
    /// A stable name of the cause, in `snake_case`: for logs, counters and stored receipts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingHeader { .. } => "missing_header",
            Self::AmbiguousHeader { .. } => "ambiguous_header",
            Self::MalformedHeader { .. } => "malformed_header",
            Self::MalformedTimestamp => "malformed_timestamp",
            Self::UnusableSignature => "unusable_signature",
            Self::SignatureMismatch => "signature_mismatch",
            Self::TimestampTooOld { .. } => "timestamp_too_old",
            Self::TimestampTooNew { .. } => "timestamp_too_new",
            Self::BodyNotUtf8 => "body_not_utf8",
        }
    }
}
