//! The shared secret of a sender and a receiver.
//!
//! One value, one owner of its bytes: the text (to be shown once) and the prepared HMAC state live behind one
//! reference count and are wiped when the last clone goes. There is no `Display`, no `Serialize` and no way
//! to the raw key; [`SigningSecret::reveal`] is the only place where the text leaves. What is not promised:
//! copies that the caller made of the text, and pages the operating system swapped out, are not wiped.

mod error;

use std::{fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

pub use self::error::SecretError;
use crate::signature::Mac;

/// What a Standard Webhooks symmetric secret begins with.
pub const SECRET_PREFIX: &str = "whsec_";

/// The shortest key that Standard Webhooks 1.0.0 recommends, in bytes (its range is 24 to 64).
pub const MIN_RECOMMENDED_KEY_BYTES: usize = 24;

/// Characters of the end of a secret that a hint shows.
const HINT_CHARS: usize = 4;

/// A symmetric signing secret, ready to sign and to verify.
///
/// Cloning is cheap (a reference count), the HMAC key schedule is computed once, `Debug` prints `[REDACTED]`.
#[derive(Clone)]
pub struct SigningSecret(Arc<Inner>);

struct Inner {
    text: Zeroizing<String>,
    key_len: usize,
    /// Keyed and empty: each signature starts from a copy. Wiped on drop by the `zeroize` features of its
    /// crates.
    keyed: Hmac<Sha256>,
}

impl SigningSecret {
    /// Reads `whsec_` followed by the key in padded, canonical, standard base64.
    ///
    /// # Errors
    /// A [`SecretError`] that says which mistake it is. White space around the text is one of them: trim what
    /// comes from a file.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        error::check_surroundings(text)?;
        let encoded = text.strip_prefix(SECRET_PREFIX).ok_or(SecretError::MissingPrefix)?;
        Ok(Self::new(text, &decode_key(encoded)?))
    }

    /// Reads a secret as the OpenAI SDKs do: with `whsec_` it is base64, without it the key is the UTF-8
    /// bytes of the text itself.
    ///
    /// Standard Webhooks libraries read a text without the prefix as base64 instead, so this reading is a
    /// choice to be made knowingly. Unlike some SDKs, base64 is read strictly here (see
    /// [`crate::verification`]).
    ///
    /// # Errors
    /// As [`SigningSecret::parse`], except [`SecretError::MissingPrefix`].
    pub fn parse_openai(text: &str) -> Result<Self, SecretError> {
        match Self::parse(text) {
            Err(SecretError::MissingPrefix) => Ok(Self::new(text, text.as_bytes())),
            other => other,
        }
    }

    /// Makes a secret of key bytes, for instance of 32 fresh random ones. Its text is `whsec_` and their
    /// base64.
    ///
    /// # Errors
    /// [`SecretError::Empty`] without any bytes. A short key is accepted; ask [`SigningSecret::is_weak`].
    pub fn from_key_bytes(key: &[u8]) -> Result<Self, SecretError> {
        if key.is_empty() {
            return Err(SecretError::Empty);
        }
        // Sized beforehand: growing would leave copies of the text behind that nobody wipes.
        let mut text = Zeroizing::new(String::with_capacity(SECRET_PREFIX.len() + key.len().div_ceil(3) * 4));
        text.push_str(SECRET_PREFIX);
        STANDARD.encode_string(key, &mut text);
        Ok(Self::new(&text, key))
    }

    fn new(text: &str, key: &[u8]) -> Self {
        let keyed = Hmac::new_from_slice(key).expect("HMAC takes keys of any length");
        Self(Arc::new(Inner { text: Zeroizing::new(text.to_owned()), key_len: key.len(), keyed }))
    }

    /// The text to give to the other side, exactly as it was read or made. It is wiped when the value is
    /// dropped.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        self.0.text.clone()
    }

    /// A masked form for display, such as `whsec_…48k=`: the prefix, if it has one, and the last four
    /// characters.
    ///
    /// A weak secret shows no characters, since four of its few would help to guess it.
    #[must_use]
    pub fn hint(&self) -> String {
        let text = self.0.text.as_str();
        let prefix = if text.starts_with(SECRET_PREFIX) { SECRET_PREFIX } else { "" };
        let shown = if self.is_weak() { 0 } else { HINT_CHARS };
        let end = text.char_indices().rev().take(shown).last().map_or(text.len(), |(start, _)| start);
        format!("{prefix}…{}", &text[end..])
    }

    /// Length of the key, in bytes.
    #[must_use]
    pub fn key_len(&self) -> usize {
        self.0.key_len
    }

    /// Whether the key is shorter than [`MIN_RECOMMENDED_KEY_BYTES`]. Such a key works; a user should be
    /// warned.
    #[must_use]
    pub fn is_weak(&self) -> bool {
        self.key_len() < MIN_RECOMMENDED_KEY_BYTES
    }

    /// Whether both are written alike, which makes them one key. Not in constant time: for texts of one
    /// owner.
    pub(crate) fn has_text_of(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }

    /// HMAC-SHA256 over `id.timestamp.body`; id and timestamp are the raw header texts.
    pub(crate) fn mac(&self, id: &[u8], timestamp: &[u8], body: &[u8]) -> Mac {
        let mut mac = self.0.keyed.clone();
        for part in [id, b".", timestamp, b".", body] {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

pub(crate) fn decode_key(encoded: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    // A buffer of our own: the decoder's would be freed unwiped when it fails halfway.
    let mut key = Zeroizing::new(vec![0; encoded.len().div_ceil(4) * 3]);
    match STANDARD.decode_slice(encoded, &mut key) {
        Ok(0) => Err(SecretError::Empty),
        Ok(len) => {
            key.truncate(len);
            Ok(key)
        }
        Err(fault) => Err(SecretError::from_decoding(&fault)),
    }
}

#[cfg(test)]
mod tests;
