//! Putting a verifier together out of a configuration, so that a mistake shows at the start of a program and
//! not as its first refused call.

use super::{
    DEFAULT_TOLERANCE_SECS, Verifier,
    key::{Key, LabelledKey},
};
#[cfg(feature = "ed25519")]
use crate::asymmetric::PublicKey;
use crate::secret::SigningSecret;

/// Collects what a [`Verifier`] is made of. Made by [`Verifier::builder`].
///
/// ```
/// use ringback_webhook::{SigningSecret, Verifier};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = Verifier::builder()
///     .labelled_secret("2026-11", SigningSecret::parse("whsec_bmV3IGtleSBvZiBhdCBsZWFzdCAyNCBieXRlcw==")?)
///     .labelled_secret("2026-05", SigningSecret::parse("whsec_b2xkIGtleSBvZiBhdCBsZWFzdCAyNCBieXRlcw==")?)
///     .tolerance_secs(60)
///     .build()?;
/// assert_eq!(verifier.label(1), Some("2026-05"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing before `build`"]
pub struct VerifierBuilder {
    keys: Vec<LabelledKey>,
    tolerance_secs: u32,
}

/// Why no verifier was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No secret was given, so that every call would be refused.
    #[error(
        "the verifier has no signing secret and would refuse every call; add the one that the sender shows, with `secret`"
    )]
    NoSecret,
    /// Two secrets have the same label, so that it would not tell which one matched.
    #[error("two secrets of the verifier are labelled `{label}`; give each its own label")]
    DuplicateLabel {
        /// The label. It is a name and no part of a secret.
        label: String,
    },
}

impl BuildError {
    /// A stable name of the cause, in `snake_case`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSecret => "no_secret",
            Self::DuplicateLabel { .. } => "duplicate_label",
        }
    }
}

impl VerifierBuilder {
    pub(super) fn new() -> Self {
        Self { keys: Vec::new(), tolerance_secs: DEFAULT_TOLERANCE_SECS }
    }

    /// Adds a secret. Calls signed with any of them are accepted (rotation); they are counted from 0 in the
    /// order given.
    pub fn secret(self, secret: SigningSecret) -> Self {
        self.key(None, Key::Secret(secret))
    }

    /// Adds a secret with a name for logs and counters, such as the month it was made in. The name is shown,
    /// so it must be no part of the secret.
    pub fn labelled_secret(self, label: impl Into<String>, secret: SigningSecret) -> Self {
        self.key(Some(label.into()), Key::Secret(secret))
    }

    /// Adds a sender's public key, for `v1a` signatures. It is counted among the secrets; both kinds can be
    /// mixed. Needs the feature `ed25519`.
    #[cfg(feature = "ed25519")]
    pub fn public_key(self, key: PublicKey) -> Self {
        self.key(None, Key::Public(key))
    }

    /// Adds a sender's public key with a name. Needs the feature `ed25519`.
    #[cfg(feature = "ed25519")]
    pub fn labelled_public_key(self, label: impl Into<String>, key: PublicKey) -> Self {
        self.key(Some(label.into()), Key::Public(key))
    }

    /// Sets how far a timestamp may be from now, in seconds, either way and inclusive. Any value is possible;
    /// default [`DEFAULT_TOLERANCE_SECS`].
    pub fn tolerance_secs(mut self, secs: u32) -> Self {
        self.tolerance_secs = secs;
        self
    }

    /// Makes the verifier.
    ///
    /// # Errors
    /// [`BuildError::NoSecret`], [`BuildError::DuplicateLabel`].
    pub fn build(self) -> Result<Verifier, BuildError> {
        if self.keys.is_empty() {
            return Err(BuildError::NoSecret);
        }
        if let Some(label) = first_duplicate(&self.keys) {
            return Err(BuildError::DuplicateLabel { label: label.to_owned() });
        }
        Ok(Verifier { keys: self.keys, tolerance_secs: self.tolerance_secs })
    }

    fn key(mut self, label: Option<String>, key: Key) -> Self {
        self.keys.push(LabelledKey { label, key });
        self
    }
}

fn first_duplicate(keys: &[LabelledKey]) -> Option<&str> {
    let mut labels: Vec<_> = keys.iter().filter_map(|key| key.label.as_deref()).collect();
    labels.sort_unstable();
    labels.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

#[cfg(test)]
mod tests {
    use super::BuildError;
    use crate::{DEFAULT_TOLERANCE_SECS, SigningSecret, Verifier};

    fn secret(byte: u8) -> SigningSecret {
        SigningSecret::from_key_bytes(&[byte; 32]).unwrap()
    }

    #[test]
    fn labels_follow_the_order_given() {
        let verifier =
            Verifier::builder().secret(secret(1)).labelled_secret("new", secret(2)).build().unwrap();
        assert_eq!([0, 1, 2].map(|index| verifier.label(index)), [None, Some("new"), None]);
        assert_eq!(verifier.tolerance_secs(), DEFAULT_TOLERANCE_SECS);
        let wide = Verifier::builder().tolerance_secs(7).secret(secret(1)).build().unwrap();
        assert_eq!(wide.tolerance_secs(), 7);
    }

    #[test]
    fn a_verifier_that_could_accept_nothing_is_not_built() {
        let error = Verifier::builder().tolerance_secs(1).build().unwrap_err();
        assert_eq!((error.code(), error.clone()), ("no_secret", BuildError::NoSecret));
        assert!(error.to_string().contains("`secret`"), "says what to do");
    }

    #[test]
    fn a_label_names_one_secret() {
        let twice = Verifier::builder()
            .labelled_secret("b", secret(1))
            .labelled_secret("a", secret(2))
            .labelled_secret("b", secret(3))
            .build();
        assert_eq!(twice.unwrap_err(), BuildError::DuplicateLabel { label: "b".to_owned() });
        assert!(
            Verifier::builder().secret(secret(1)).secret(secret(1)).build().is_ok(),
            "no label, no clash"
        );
    }

    #[test]
    fn debug_shows_labels_and_no_secret() {
        let builder = Verifier::builder().labelled_secret("new", secret(1));
        assert_eq!(
            format!("{builder:?}"),
            r#"VerifierBuilder { keys: ["new": [REDACTED]], tolerance_secs: 300 }"#
        );
    }
}
