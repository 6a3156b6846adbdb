//! Asymmetric keys: ed25519, `whsk_…` to sign and `whpk_…` to verify. Feature `ed25519`.
//!
//! For senders whose receivers should not be able to sign: the private key stays with the sender, and every
//! receiver gets the same public one. OpenAI does not offer it; Standard Webhooks 1.0.0 does ("Signature
//! scheme"), and calls such a signature `v1a`. One call may carry signatures of both kinds.
//!
//! What is not promised: copies that the caller made of a private key's text are not wiped. A signature
//! cannot be turned into another one for the same text (verification is strict, RFC 8032 with the checks
//! against small-order points), but whoever holds the private key can make several.

mod error;
mod private;
mod public;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

pub use self::{error::KeyError, private::PrivateKey, public::PublicKey};
use crate::secret::{self, SecretError};

/// What a Standard Webhooks private key begins with.
pub const PRIVATE_KEY_PREFIX: &str = "whsk_";

/// What a Standard Webhooks public key begins with.
pub const PUBLIC_KEY_PREFIX: &str = "whpk_";

/// Reads `prefix` and base64 into bytes; how many there must be, the kinds of keys judge themselves.
fn decode(text: &str, prefix: &'static str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    error::check_surroundings(text, prefix)?;
    let encoded = text.strip_prefix(prefix).ok_or(KeyError::MissingPrefix { expected: prefix })?;
    secret::decode_key(encoded).map_err(|cause| match cause {
        SecretError::Empty => KeyError::Empty,
        cause => KeyError::NotBase64 { cause },
    })
}

/// Writes `prefix` and the base64 of `key`.
fn encode(prefix: &str, key: &[u8]) -> Zeroizing<String> {
    // Sized beforehand: growing would leave copies behind that nobody wipes.
    let mut text = Zeroizing::new(String::with_capacity(prefix.len() + key.len().div_ceil(3) * 4));
    text.push_str(prefix);
    STANDARD.encode_string(key, &mut text);
    text
}

#[cfg(test)]
mod tests;
