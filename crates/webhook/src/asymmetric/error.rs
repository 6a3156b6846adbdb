//! The ways in which a text fails to be an asymmetric key. None of them carries a piece of it.

use super::{PRIVATE_KEY_PREFIX, PUBLIC_KEY_PREFIX};
use crate::secret::{SECRET_PREFIX, SecretError};

/// Why a text or some bytes are not a usable asymmetric key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no key: an empty text, or the prefix alone.
    #[error("the key is empty")]
    Empty,
    /// The text begins or ends with white space, mostly a line end from a file.
    #[error("the key has white space around it; trim it first")]
    SurroundingWhitespace,
    /// The text has none of the standard's prefixes.
    #[error("the key does not begin with `{expected}`")]
    MissingPrefix {
        /// The prefix of the wanted kind.
        expected: &'static str,
    },
    /// The text is a key of another kind, such as the private one where the public one belongs.
    #[error("the key begins with `{found}` where one with `{expected}` belongs")]
    OtherKind {
        /// The prefix of the wanted kind.
        expected: &'static str,
        /// The prefix that is there.
        found: &'static str,
    },
    /// What follows the prefix is not standard, padded, canonical base64.
    #[error("the base64 of the key cannot be read")]
    NotBase64 {
        /// Which mistake it is; it speaks of a signing secret, which is read by the same rules.
        #[source]
        cause: SecretError,
    },
    /// The key has another length than ed25519's: 32 bytes, or for a private one also 64.
    #[error("the key is {bytes} bytes long, which is no length of an ed25519 key")]
    Length {
        /// The length found, in bytes.
        bytes: usize,
    },
    /// A private key of 64 bytes whose second half is not the public key of the first: it was put together
    /// wrongly, and using it could give the private half away.
    #[error("the two halves of the private key do not belong together")]
    Inconsistent,
    /// The bytes are no public key: no point of the curve, or one of the few that would accept forged
    /// signatures.
    #[error("the bytes are not a usable ed25519 public key")]
    NotAKey,
}

impl KeyError {
    /// A stable name of the cause, in `snake_case`, beginning with `key_`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "key_empty",
            Self::SurroundingWhitespace => "key_surrounding_whitespace",
            Self::MissingPrefix { .. } => "key_missing_prefix",
            Self::OtherKind { .. } => "key_other_kind",
            Self::NotBase64 { .. } => "key_not_base64",
            Self::Length { .. } => "key_length",
            Self::Inconsistent => "key_inconsistent",
            Self::NotAKey => "key_not_a_key",
        }
    }
}

/// Finds what is wrong before the base64 is looked at.
pub(super) fn check_surroundings(text: &str, expected: &'static str) -> Result<(), KeyError> {
    if text.is_empty() {
        return Err(KeyError::Empty);
    }
    if text.trim().len() != text.len() {
        return Err(KeyError::SurroundingWhitespace);
    }
    match [SECRET_PREFIX, PRIVATE_KEY_PREFIX, PUBLIC_KEY_PREFIX]
        .into_iter()
        .find(|prefix| text.starts_with(prefix))
    {
        Some(found) if found != expected => Err(KeyError::OtherKind { expected, found }),
        _ => Ok(()),
    }
}
