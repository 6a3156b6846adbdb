//! The half that signs. As secret as a [`SigningSecret`](crate::SigningSecret), by the same means.

use std::{fmt, sync::Arc};

use ed25519_dalek::{SigningKey, ed25519::signature::MultipartSigner as _};
use zeroize::Zeroizing;

use super::{KeyError, PRIVATE_KEY_PREFIX, PublicKey};
use crate::signature::AsymmetricSignature;

/// Bytes of the part that everything else follows from.
const SEED_BYTES: usize = 32;

/// An ed25519 private key, ready to sign.
///
/// Cloning is cheap (a reference count), `Debug` prints `[REDACTED]`, and the key is wiped from memory when
/// the last clone goes.
#[derive(Clone)]
pub struct PrivateKey(Arc<Inner>);

struct Inner {
    text: Zeroizing<String>,
    /// Wiped on drop by its own crate.
    key: SigningKey,
}

impl PrivateKey {
    /// Reads `whsk_` followed by padded, canonical, standard base64: of the 32-byte seed, or of 64 bytes, the
    /// seed and then the public key. Senders use both forms.
    ///
    /// # Errors
    /// A [`KeyError`] that says which mistake it is; of 64 bytes whose halves do not belong together,
    /// [`KeyError::Inconsistent`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = super::decode(text, PRIVATE_KEY_PREFIX)?;
        let (seed, public) = bytes.split_first_chunk().ok_or(KeyError::Length { bytes: bytes.len() })?;
        let key = SigningKey::from_bytes(seed);
        if !matches!(public.len(), 0 | SEED_BYTES) {
            return Err(KeyError::Length { bytes: bytes.len() });
        }
        if !public.is_empty() && public != key.verifying_key().as_bytes() {
            return Err(KeyError::Inconsistent);
        }
        Ok(Self(Arc::new(Inner { text: Zeroizing::new(text.to_owned()), key })))
    }

    /// Makes a key of a seed: 32 fresh random bytes. Its text is `whsk_` and their base64.
    #[must_use]
    pub fn from_seed(seed: &[u8; SEED_BYTES]) -> Self {
        let text = super::encode(PRIVATE_KEY_PREFIX, seed);
        Self(Arc::new(Inner { text, key: SigningKey::from_bytes(seed) }))
    }

    /// The half to give to receivers.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey::of(self.0.key.verifying_key())
    }

    /// The text, exactly as it was read or made, to be stored. It is wiped when the value is dropped.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        self.0.text.clone()
    }

    /// Signs `id.timestamp.body`.
    pub(crate) fn signature(&self, id: &[u8], timestamp: &[u8], body: &[u8]) -> AsymmetricSignature {
        self.0.key.multipart_sign(&[id, b".", timestamp, b".", body]).to_bytes()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}
