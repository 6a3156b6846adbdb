//! The ways in which a text fails to be a signing secret. None of them carries a piece of it.

use base64::{DecodeError, DecodeSliceError};

use super::SECRET_PREFIX;

/// Prefixes of the ed25519 keys of Standard Webhooks 1.0.0 (private, public).
const ASYMMETRIC_PREFIXES: [&str; 2] = ["whsk_", "whpk_"];

/// Why a text or a key is not a usable signing secret.
///
/// Offsets are counted in bytes from the first character after `whsec_`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// There is no key: an empty text, `whsec_` alone, or no bytes.
    #[error("the signing secret is empty")]
    Empty,
    /// The text begins or ends with white space, mostly a line end from a file.
    #[error("the signing secret has white space around it; trim it first")]
    SurroundingWhitespace,
    /// The text does not begin with `whsec_`.
    #[error(
        "the signing secret does not begin with `whsec_`; to use the text itself as the key, as the OpenAI SDKs do, choose `parse_openai`"
    )]
    MissingPrefix,
    /// The prefix is there in other letters, such as `WHSEC_`.
    #[error("the prefix `whsec_` of a signing secret is written in lower case")]
    PrefixCase,
    /// The text is an ed25519 key (`whsk_`, `whpk_`), which signs `v1a` signatures only.
    #[error("this is an asymmetric key; a symmetric signing secret begins with `whsec_`")]
    AsymmetricKey,
    /// The key is written in the URL-safe alphabet (`-` and `_`).
    #[error(
        "the signing secret uses the URL-safe base64 alphabet at offset {offset}; `+` and `/` are expected"
    )]
    UrlSafeAlphabet {
        /// Where the first such character is.
        offset: usize,
    },
    /// The key holds a character that is not base64.
    #[error("the signing secret holds a character outside base64 at offset {offset}")]
    InvalidCharacter {
        /// Where the first such character is.
        offset: usize,
    },
    /// The base64 is cut, or its padding (`=`) is missing or too much.
    #[error("the base64 of the signing secret has the wrong length or padding")]
    Padding,
    /// The last character has bits set that belong to no byte: it was mistyped, or cut and padded again.
    #[error("the base64 of the signing secret is not canonical: its last character carries unused bits")]
    NotCanonical,
}

impl SecretError {
    /// A stable name of the cause, in `snake_case`, beginning with `secret_`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "secret_empty",
            Self::SurroundingWhitespace => "secret_surrounding_whitespace",
            Self::MissingPrefix => "secret_missing_prefix",
            Self::PrefixCase => "secret_prefix_case",
            Self::AsymmetricKey => "secret_asymmetric_key",
            Self::UrlSafeAlphabet { .. } => "secret_url_safe_alphabet",
            Self::InvalidCharacter { .. } => "secret_invalid_character",
            Self::Padding => "secret_padding",
            Self::NotCanonical => "secret_not_canonical",
        }
    }

    /// The decoder's error says more, namely the offending byte; that is a piece of a secret, so it is not
    /// kept.
    pub(super) fn from_decoding(fault: &DecodeSliceError) -> Self {
        match *fault {
            DecodeSliceError::DecodeError(DecodeError::InvalidByte(offset, b'-' | b'_')) => {
                Self::UrlSafeAlphabet { offset }
            }
            DecodeSliceError::DecodeError(DecodeError::InvalidByte(offset, byte)) if byte != b'=' => {
                Self::InvalidCharacter { offset }
            }
            DecodeSliceError::DecodeError(DecodeError::InvalidLastSymbol(..)) => Self::NotCanonical,
            _ => Self::Padding,
        }
    }
}

/// Finds the mistakes around a key that are the same for every reading.
pub(super) fn check_surroundings(text: &str) -> Result<(), SecretError> {
    if text.is_empty() {
        return Err(SecretError::Empty);
    }
    if text.trim().len() != text.len() {
        return Err(SecretError::SurroundingWhitespace);
    }
    let Some(prefix) = text.get(..SECRET_PREFIX.len()) else {
        return Ok(());
    };
    if prefix.eq_ignore_ascii_case(SECRET_PREFIX) && prefix != SECRET_PREFIX {
        return Err(SecretError::PrefixCase);
    }
    if ASYMMETRIC_PREFIXES.iter().any(|asymmetric| prefix.starts_with(asymmetric)) {
        return Err(SecretError::AsymmetricKey);
    }
    Ok(())
}
