//! Encryption of secrets at rest: AES-256-GCM under the operator's keys.
//!
//! A ciphertext names the key it was made with and is bound to the row it stands in, so that neither an old
//! backup's row nor another row's secret can be put in its place. The first key encrypts, all decrypt: that
//! is how keys are rotated.
//!
//! Layout: 1 byte version, 8 bytes key id, 12 bytes nonce, ciphertext, 16 bytes tag.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const KEY_ID_LEN: usize = 8;
const HEADER_LEN: usize = 1 + KEY_ID_LEN + NONCE_LEN;

/// The length of an encryption key in bytes.
pub const KEY_LEN: usize = 32;

/// Names a key without showing it: the first 8 bytes of the SHA-256 of its SHA-256.
pub type KeyId = [u8; KEY_ID_LEN];

/// One of the operator's keys.
pub struct EncryptionKey {
    id: KeyId,
    key: LessSafeKey,
}

impl EncryptionKey {
    /// From 32 bytes, which must have been drawn at random.
    #[must_use]
    pub fn new(bytes: &[u8; KEY_LEN]) -> Self {
        let hash = digest::digest(&digest::SHA256, digest::digest(&digest::SHA256, bytes).as_ref());
        let mut id = [0; KEY_ID_LEN];
        id.copy_from_slice(&hash.as_ref()[..KEY_ID_LEN]);
        let key = UnboundKey::new(&AES_256_GCM, bytes).expect("32 bytes are what AES-256 takes");
        Self { id, key: LessSafeKey::new(key) }
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptionKey({}, [REDACTED])", show_key_id(self.id))
    }
}

/// A key id as shown to people: 16 hexadecimal digits.
#[must_use]
pub fn show_key_id(id: KeyId) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A ciphertext that does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecryptError {
    /// It is not one of ours.
    #[error("not a ciphertext of a known version")]
    Malformed,
    /// The key it was made with is not on the ring.
    #[error("encrypted under key {}, which is not among those given", show_key_id(*.0))]
    UnknownKey(KeyId),
    /// It was changed, or moved here from another row.
    #[error("the ciphertext does not belong to this row, or was changed")]
    Tampered,
}

/// The operator's keys: the first encrypts, all decrypt.
#[derive(Debug)]
pub struct Keyring {
    keys: Vec<EncryptionKey>,
    random: SystemRandom,
}

impl Keyring {
    /// A ring with the key that encrypts, and older ones that still decrypt.
    #[must_use]
    pub fn new(first: EncryptionKey, older: impl IntoIterator<Item = EncryptionKey>) -> Self {
        Self { keys: std::iter::once(first).chain(older).collect(), random: SystemRandom::new() }
    }

    /// Encrypts for the row that `place` names, e.g. `endpoint_secrets/whkey_…`.
    #[must_use]
    pub fn encrypt(&self, place: &str, plaintext: &[u8]) -> Vec<u8> {
        let key = &self.keys[0];
        let mut nonce = [0; NONCE_LEN];
        self.random
            .fill(&mut nonce)
            .expect("the system's random number generator works once the process has started");
        let mut sealed = Vec::with_capacity(HEADER_LEN + plaintext.len() + AES_256_GCM.tag_len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&key.id);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plaintext);
        let tag = key
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.as_bytes()),
                &mut sealed[HEADER_LEN..],
            )
            .expect("a secret is far shorter than AES-GCM's limit");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    /// Decrypts what [`Keyring::encrypt`] made for the same `place`.
    ///
    /// # Errors
    /// See [`DecryptError`].
    pub fn decrypt(&self, place: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
        let (header, body) = sealed.split_at_checked(HEADER_LEN).ok_or(DecryptError::Malformed)?;
        let id = Self::key_id_of(sealed).ok_or(DecryptError::Malformed)?;
        let key = self.keys.iter().find(|key| key.id == id).ok_or(DecryptError::UnknownKey(id))?;
        let nonce = Nonce::try_assume_unique_for_key(&header[1 + KEY_ID_LEN..])
            .map_err(|_| DecryptError::Malformed)?;
        let mut buffer = Zeroizing::new(body.to_vec());
        let length = key
            .key
            .open_in_place(nonce, Aad::from(place.as_bytes()), &mut buffer)
            .map_err(|_| DecryptError::Tampered)?
            .len();
        buffer.truncate(length);
        Ok(buffer)
    }

    /// Whether a ciphertext was made with the key that encrypts now.
    #[must_use]
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        Self::key_id_of(sealed) == Some(self.keys[0].id)
    }

    /// The id of the key that a ciphertext was made with; `None` when it is not one of ours.
    #[must_use]
    pub fn key_id_of(sealed: &[u8]) -> Option<KeyId> {
        let (version, rest) = sealed.split_first()?;
        if *version != VERSION { None } else { rest.first_chunk().copied() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(keys: &[u8]) -> Keyring {
        let mut keys = keys.iter().map(|byte| EncryptionKey::new(&[*byte; KEY_LEN]));
        Keyring::new(keys.next().unwrap(), keys)
    }

    #[test]
    fn a_secret_opens_only_in_its_own_row() {
        let ring = ring(&[1]);
        let sealed = ring.encrypt("endpoint_secrets/a", b"secret");
        assert_eq!(ring.decrypt("endpoint_secrets/a", &sealed).unwrap().as_slice(), b"secret");
        assert_eq!(ring.decrypt("endpoint_secrets/b", &sealed), Err(DecryptError::Tampered));
        assert!(!sealed.windows(6).any(|w| w == b"secret"));
    }

    #[test]
    fn an_older_key_still_opens_and_the_first_one_seals() {
        let sealed = ring(&[1]).encrypt("p", b"s");
        let rotated = ring(&[2, 1]);
        assert_eq!(rotated.decrypt("p", &sealed).unwrap().as_slice(), b"s");
        let fresh = rotated.encrypt("p", b"s");
        assert!(matches!(ring(&[1]).decrypt("p", &fresh), Err(DecryptError::UnknownKey(_))));
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_noticed() {
        let ring = ring(&[1]);
        let sealed = ring.encrypt("p", b"secret");
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(ring.decrypt("p", &changed).is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(ring.decrypt("p", &sealed[..length]).is_err(), "length {length}");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let shown = format!("{:?}", ring(&[0x41]));
        assert!(shown.contains("[REDACTED]"), "{shown}");
        assert!(!shown.contains("4141414141414141") && !shown.contains("AAAA"), "{shown}");
    }
}
