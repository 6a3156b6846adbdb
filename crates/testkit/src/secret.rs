//! Signing secrets that tests can name by a number.

use ringback_webhook::SigningSecret;

/// The signing secret of this number: 32 bytes, each of them `n`.
#[must_use]
pub fn secret(n: u8) -> SigningSecret {
    SigningSecret::from_key_bytes(&[n; 32]).expect("32 bytes are a key")
}
