//! What a verifier checks signatures with, and the name that its owner gave it.

use std::fmt;

#[cfg(feature = "ed25519")]
use crate::asymmetric::PublicKey;
use crate::secret::SigningSecret;

/// A key of a verifier. `Debug` shows its label, never a secret.
#[derive(Clone)]
pub(super) struct LabelledKey {
    pub(super) label: Option<String>,
    pub(super) key: Key,
}

/// The algorithm follows from the key, never from what a header says: neither kind of signature is ever
/// checked with the other kind of key.
#[derive(Clone)]
pub(super) enum Key {
    /// HMAC-SHA256, `v1`.
    Secret(SigningSecret),
    /// ed25519, `v1a`.
    #[cfg(feature = "ed25519")]
    Public(PublicKey),
}

impl From<SigningSecret> for LabelledKey {
    fn from(secret: SigningSecret) -> Self {
        Self { label: None, key: Key::Secret(secret) }
    }
}

impl fmt::Debug for LabelledKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.label {
            Some(label) => write!(f, "{label:?}: {:?}", self.key),
            None => self.key.fmt(f),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(secret) => secret.fmt(f),
            #[cfg(feature = "ed25519")]
            Self::Public(key) => key.fmt(f),
        }
    }
}
