//! Signing secrets at rest: encrypted, bound to their table and row.

use std::error::Error;

use ringback_domain::{EndpointKey, SecretId, SourceKind};
use ringback_webhook::SigningSecret;
use zeroize::Zeroizing;

use super::Unreadable;
use crate::keyring::{DecryptError, KeyId, Keyring};

/// A stored text that cannot have been a secret.
#[derive(Debug, thiserror::Error)]
#[error("the decrypted text is not a signing secret")]
struct NotASecret;

/// Opens a ciphertext that stands in the row of `place`.
pub(crate) fn decrypt(
    keyring: &Keyring,
    place: &str,
    sealed: &[u8],
) -> Result<Zeroizing<String>, Unreadable> {
    let bytes = keyring.decrypt(place, sealed).map_err(Unreadable::new)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(Unreadable::new(NotASecret)),
    }
}

/// Opens a source's secret, which is written as the source's kind has it.
pub(crate) fn open_source_secret(
    keyring: &Keyring,
    id: SecretId,
    kind: SourceKind,
    sealed: &[u8],
) -> Result<SigningSecret, Unreadable> {
    let text = decrypt(keyring, &source_place(id), sealed)?;
    let parsed = match kind {
        SourceKind::OpenAi => SigningSecret::parse_openai(&text),
        SourceKind::StandardWebhooks | SourceKind::Publish => SigningSecret::parse(&text),
    };
    parsed.map_err(Unreadable::new)
}

/// Opens an endpoint's secret.
pub(crate) fn open_endpoint_secret(
    keyring: &Keyring,
    id: SecretId,
    sealed: &[u8],
) -> Result<EndpointKey, Unreadable> {
    let text = decrypt(keyring, &endpoint_place(id), sealed)?;
    EndpointKey::parse(&text).map_err(Unreadable::new)
}

/// Binds the ciphertext of a source's secret to its row.
pub(crate) fn source_place(id: SecretId) -> String {
    format!("source_secrets/{id}")
}

/// Binds the ciphertext of an endpoint's secret to its row.
pub(crate) fn endpoint_place(id: SecretId) -> String {
    format!("endpoint_secrets/{id}")
}

/// The key that a failed read asked for, if that is why it failed.
pub(crate) fn missing_key(error: &(dyn Error + 'static)) -> Option<KeyId> {
    let mut cause = Some(error);
    while let Some(current) = cause {
        if let Some(DecryptError::UnknownKey(id)) = current.downcast_ref() {
            return Some(*id);
        }
        cause = current.source();
    }
    None
}
