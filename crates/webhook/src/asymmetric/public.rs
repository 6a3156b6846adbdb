//! The half that verifies. It may be known to anybody, so it can be shown and compared.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, VerifyingKey};

use super::{KeyError, PUBLIC_KEY_PREFIX};
use crate::signature::AsymmetricSignature;

/// An ed25519 public key, ready to verify. `Display` and `Debug` show it as `whpk_…`.
///
/// Take it from the sender by a way that you trust, never from the call that it is to verify.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads `whpk_` followed by the 32 bytes of the key in padded, canonical, standard base64.
    ///
    /// # Errors
    /// A [`KeyError`] that says which mistake it is.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = super::decode(text, PUBLIC_KEY_PREFIX)?;
        let bytes = bytes.as_slice().try_into().map_err(|_| KeyError::Length { bytes: bytes.len() })?;
        Self::from_bytes(bytes)
    }

    /// Takes the 32 bytes of a key (RFC 8032, section 5.1.5).
    ///
    /// # Errors
    /// [`KeyError::NotAKey`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        match VerifyingKey::from_bytes(bytes) {
            Ok(key) if !key.is_weak() => Ok(Self(key)),
            _ => Err(KeyError::NotAKey),
        }
    }

    /// The 32 bytes of the key.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    pub(super) fn of(key: VerifyingKey) -> Self {
        Self(key)
    }

    /// Whether `signature` is this key's for `text`. Strict: no signature has a second form.
    pub(crate) fn verifies(&self, signature: &AsymmetricSignature, text: &[u8]) -> bool {
        self.0.verify_strict(text, &Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC_KEY_PREFIX}{}", STANDARD.encode(self.0.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
