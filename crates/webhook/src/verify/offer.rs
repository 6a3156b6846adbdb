//! The signatures that a call offers, against one key after the other.

#[cfg(feature = "ed25519")]
use std::cell::OnceCell;

use super::key::Key;
#[cfg(feature = "ed25519")]
use crate::asymmetric::PublicKey;
use crate::{
    secret::SigningSecret,
    signature::{self, Mac},
};

/// How many `v1a` signatures of one call are tried with each public key. Each costs as much as hashing some
/// 100 kB, so a call must not bring as many as it likes; a sender in the midst of a rotation has two.
#[cfg(feature = "ed25519")]
pub(super) const MAX_ASYMMETRIC_SIGNATURES: usize = 8;

/// What was signed, in its three parts, as it came.
#[derive(Clone, Copy)]
pub(super) struct SignedText<'a> {
    pub(super) id: &'a [u8],
    pub(super) timestamp: &'a [u8],
    pub(super) body: &'a [u8],
}

/// A `webhook-signature` value, and what it claims to sign.
pub(super) struct Offer<'a, I> {
    text: SignedText<'a>,
    /// The first that could be an HMAC, mostly the only one, is decoded once and not once more for each
    /// secret.
    first: Option<Mac>,
    others: I,
    #[cfg(feature = "ed25519")]
    header: &'a [u8],
    /// The text in one piece, which only ed25519 wants.
    #[cfg(feature = "ed25519")]
    joined: OnceCell<Vec<u8>>,
}

/// Reads the value of the header.
pub(super) fn read<'a>(
    header: &'a [u8],
    text: SignedText<'a>,
) -> Offer<'a, impl Iterator<Item = Mac> + Clone> {
    let mut others = signature::candidates(header);
    Offer {
        text,
        first: others.next(),
        others,
        #[cfg(feature = "ed25519")]
        header,
        #[cfg(feature = "ed25519")]
        joined: OnceCell::new(),
    }
}

impl<I: Iterator<Item = Mac> + Clone> Offer<'_, I> {
    /// Whether there is a signature that keys of this kind can make.
    pub(super) fn suits(&self, key: &Key) -> bool {
        match key {
            Key::Secret(_) => self.has_macs(),
            #[cfg(feature = "ed25519")]
            Key::Public(_) => signature::asymmetric_candidates(self.header).next().is_some(),
        }
    }

    /// Whether there is a signature that could be an HMAC.
    pub(super) fn has_macs(&self) -> bool {
        self.first.is_some()
    }

    /// Whether one of the signatures was made with `key`.
    pub(super) fn matches(&self, key: &Key) -> bool {
        match key {
            Key::Secret(secret) => self.matches_secret(secret),
            #[cfg(feature = "ed25519")]
            Key::Public(key) => self.matches_public_key(key),
        }
    }

    fn matches_secret(&self, secret: &SigningSecret) -> bool {
        let Some(first) = self.first else {
            return false;
        };
        let expected = secret.mac(self.text.id, self.text.timestamp, self.text.body);
        let found = signature::same(&first, &expected);
        self.others.clone().fold(found, |found, given| found | signature::same(&given, &expected)).into()
    }

    #[cfg(feature = "ed25519")]
    fn matches_public_key(&self, key: &PublicKey) -> bool {
        signature::asymmetric_candidates(self.header)
            .take(MAX_ASYMMETRIC_SIGNATURES)
            .any(|given| key.verifies(&given, self.joined()))
    }

    #[cfg(feature = "ed25519")]
    fn joined(&self) -> &[u8] {
        let SignedText { id, timestamp, body } = self.text;
        self.joined.get_or_init(|| [id, timestamp, body].join(&b'.'))
    }
}
