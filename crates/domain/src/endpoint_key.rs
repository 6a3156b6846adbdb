//! What the calls to an endpoint are signed with, and what its receiver verifies them with.

use ringback_webhook::{
    KeyError, PRIVATE_KEY_PREFIX, PUBLIC_KEY_PREFIX, PrivateKey, SecretError, Signer, SigningSecret,
};
use zeroize::Zeroizing;

use crate::words::words;

/// How attempts to an endpoint are signed (Standard Webhooks 1.0.0, "Signature scheme").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SignatureScheme {
    /// HMAC-SHA256 with a secret that both sides have. The default, and the only one that OpenAI has.
    #[default]
    V1,
    /// Ed25519: Ringback has the private key, the receiver the public one.
    V1a,
}

words!("signature scheme", SignatureScheme {
    V1 = "v1",
    V1a = "v1a",
});

/// A key of either scheme. Like what it holds it shows nothing of itself in `Debug`, and is wiped when the
/// last clone goes.
#[derive(Debug, Clone)]
pub enum EndpointKey {
    /// Of [`SignatureScheme::V1`].
    Secret(SigningSecret),
    /// Of [`SignatureScheme::V1a`].
    Private(PrivateKey),
}

/// A text that is a key of neither scheme. It is not repeated.
#[derive(Debug, thiserror::Error)]
pub enum ParseKeyError {
    /// Not a `whsec_…`.
    #[error("not a signing secret")]
    Secret(#[source] SecretError),
    /// Not a `whsk_…`.
    #[error("not a private key")]
    Private(#[source] KeyError),
}

impl EndpointKey {
    /// Makes a key of 32 fresh random bytes.
    ///
    /// # Panics
    /// Never: 32 bytes are a key of either scheme.
    #[must_use]
    pub fn from_random(scheme: SignatureScheme, bytes: &[u8; 32]) -> Self {
        match scheme {
            SignatureScheme::V1 => {
                Self::Secret(SigningSecret::from_key_bytes(bytes).expect("32 bytes are a secret"))
            }
            SignatureScheme::V1a => Self::Private(PrivateKey::from_seed(bytes)),
        }
    }

    /// Reads what [`EndpointKey::reveal`] gave.
    ///
    /// # Errors
    /// [`ParseKeyError`].
    pub fn parse(text: &str) -> Result<Self, ParseKeyError> {
        if text.starts_with(PRIVATE_KEY_PREFIX) {
            PrivateKey::parse(text).map(Self::Private).map_err(ParseKeyError::Private)
        } else {
            SigningSecret::parse(text).map(Self::Secret).map_err(ParseKeyError::Secret)
        }
    }

    /// The scheme it is of.
    #[must_use]
    pub fn scheme(&self) -> SignatureScheme {
        match self {
            Self::Secret(_) => SignatureScheme::V1,
            Self::Private(_) => SignatureScheme::V1a,
        }
    }

    /// The key itself, to be stored encrypted.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        match self {
            Self::Secret(secret) => secret.reveal(),
            Self::Private(key) => key.reveal(),
        }
    }

    /// What the receiver verifies with: the secret itself (`whsec_…`), or the public key (`whpk_…`).
    #[must_use]
    pub fn reveal_to_receiver(&self) -> Zeroizing<String> {
        match self {
            Self::Secret(secret) => secret.reveal(),
            Self::Private(key) => Zeroizing::new(key.public_key().to_string()),
        }
    }

    /// A masked form of what the receiver has, for people to tell keys apart by.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Secret(secret) => secret.hint(),
            Self::Private(_) => {
                let text = self.reveal_to_receiver();
                format!("{PUBLIC_KEY_PREFIX}…{}", &text[text.len() - 4..])
            }
        }
    }

    /// What signs.
    #[must_use]
    pub fn signer(&self) -> &dyn Signer {
        match self {
            Self::Secret(secret) => secret,
            Self::Private(key) => key,
        }
    }
}

impl From<SigningSecret> for EndpointKey {
    fn from(secret: SigningSecret) -> Self {
        Self::Secret(secret)
    }
}

#[cfg(test)]
mod tests {
    use ringback_webhook::{UnixSeconds, Verifier, sign};

    use super::*;

    #[test]
    fn each_scheme_is_stored_and_read_back_and_verified_by_what_its_receiver_has() {
        for scheme in SignatureScheme::ALL {
            let key = EndpointKey::from_random(*scheme, &[7; 32]);
            let read = EndpointKey::parse(&key.reveal()).unwrap();
            assert_eq!((read.scheme(), read.reveal()), (*scheme, key.reveal()));
            let mut headers = http::HeaderMap::new();
            let now = UnixSeconds(1_750_287_078);
            sign([key.signer()], "wh_1", now, b"{}").unwrap().apply(&mut headers);
            let given = key.reveal_to_receiver();
            let verifier = match scheme {
                SignatureScheme::V1 => Verifier::builder().secret(SigningSecret::parse(&given).unwrap()),
                SignatureScheme::V1a => {
                    Verifier::builder().public_key(ringback_webhook::PublicKey::parse(&given).unwrap())
                }
            };
            assert!(verifier.build().unwrap().verify(&headers, b"{}", now).is_ok(), "{scheme}");
            assert_eq!(
                key.hint(),
                format!("{}…{}", &given[..given.find('_').unwrap() + 1], &given[given.len() - 4..])
            );
            assert!(!format!("{key:?}").contains("wh"), "{key:?}");
        }
    }

    #[test]
    fn the_receiver_of_a_private_key_gets_nothing_that_signs() {
        let key = EndpointKey::from_random(SignatureScheme::V1a, &[7; 32]);
        assert!(key.reveal().starts_with("whsk_"));
        assert!(key.reveal_to_receiver().starts_with("whpk_"));
        assert!(EndpointKey::parse(&key.reveal_to_receiver()).is_err());
    }
}
