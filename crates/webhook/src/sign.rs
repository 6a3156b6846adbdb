//! Signing one attempt of one event.
//!
//! Sign afresh for every attempt: the id stays, the timestamp is that of the attempt, so that a receiver with
//! a tolerance of minutes accepts a retry made days later. Time is the caller's; see [`crate::verification`]
//! for what the receiving libraries do with the result.

use http::{HeaderMap, HeaderValue};

use crate::{
    headers::{WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP},
    secret::SigningSecret,
    time::UnixSeconds,
    webhook_id as id_form,
};

/// The three headers of a signed call. Send them with exactly the bytes that were signed.
///
/// The signature is marked sensitive, so `Debug` does not show it and HTTP/2 does not index it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHeaders {
    /// Value of [`WEBHOOK_ID`].
    pub webhook_id: HeaderValue,
    /// Value of [`WEBHOOK_TIMESTAMP`].
    pub webhook_timestamp: HeaderValue,
    /// Value of [`WEBHOOK_SIGNATURE`]: one token per key, in the order given, separated by blanks;
    /// `v1,<base64>` of a secret, `v1a,<base64>` of a private key.
    pub webhook_signature: HeaderValue,
}

impl SignedHeaders {
    /// Sets the three headers in `headers`, replacing any of their names that are there.
    pub fn apply(self, headers: &mut HeaderMap) {
        headers.insert(WEBHOOK_ID, self.webhook_id);
        headers.insert(WEBHOOK_TIMESTAMP, self.webhook_timestamp);
        headers.insert(WEBHOOK_SIGNATURE, self.webhook_signature);
    }
}

/// Why a call cannot be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// No secret or key was given, so that no receiver could verify the call.
    #[error("there is no secret to sign with")]
    NoSecrets,
    /// The id is empty, over 255 bytes, or holds something other than printable ASCII without blanks.
    #[error("the webhook id is not 1 to 255 printable ASCII characters without blanks")]
    MalformedId,
    /// The timestamp lies before 1970; receivers read digits only.
    #[error("the timestamp lies before 1970")]
    NegativeTimestamp,
}

/// What can sign: a [`SigningSecret`], and with the feature `ed25519` a `PrivateKey`.
///
/// Sealed: the standard has these two. Where both sign one call, name the trait:
///
/// ```
/// # #[cfg(feature = "ed25519")] {
/// use ringback_webhook::{PrivateKey, Signer, SigningSecret, UnixSeconds, sign};
///
/// let secret = SigningSecret::from_key_bytes(&[1; 32]).expect("not empty");
/// let key = PrivateKey::from_seed(&[2; 32]);
/// let signers: [&dyn Signer; 2] = [&secret, &key];
/// let signed = sign(signers, "wh_1", UnixSeconds(1_750_287_078), b"{}").expect("a well-formed id");
/// let tokens = signed.webhook_signature.to_str().expect("ASCII").split(' ');
/// assert!(tokens.zip(["v1,", "v1a,"]).all(|(token, label)| token.starts_with(label)));
/// # }
/// ```
pub trait Signer: sealed::PushToken {}

impl Signer for SigningSecret {}

#[cfg(feature = "ed25519")]
impl Signer for crate::asymmetric::PrivateKey {}

mod sealed {
    use crate::{secret::SigningSecret, signature};

    pub trait PushToken {
        /// Appends this signer's token for `id.timestamp.body` to the value of a header.
        fn push_token(&self, header: &mut String, id: &[u8], timestamp: &[u8], body: &[u8]);
    }

    impl PushToken for SigningSecret {
        fn push_token(&self, header: &mut String, id: &[u8], timestamp: &[u8], body: &[u8]) {
            signature::push_token(header, &self.mac(id, timestamp, body));
        }
    }

    #[cfg(feature = "ed25519")]
    impl PushToken for crate::asymmetric::PrivateKey {
        fn push_token(&self, header: &mut String, id: &[u8], timestamp: &[u8], body: &[u8]) {
            signature::push_asymmetric_token(header, &self.signature(id, timestamp, body));
        }
    }
}

/// Signs a call with every one of `signers`, so that a receiver that knows any of them accepts it (rotation,
/// and both kinds of keys at once).
///
/// `timestamp` is the time of this attempt. `webhook_id` may contain a full stop, because a gateway passes
/// ids of others on unchanged; a sender that mints ids must never put one in
/// ([`crate::webhook_id::is_well_formed`]).
///
/// # Errors
/// [`SignError::MalformedId`], [`SignError::NegativeTimestamp`], [`SignError::NoSecrets`], in this order.
pub fn sign<'a, S: Signer + ?Sized + 'a>(
    signers: impl IntoIterator<Item = &'a S>,
    webhook_id: &str,
    timestamp: UnixSeconds,
    body: &[u8],
) -> Result<SignedHeaders, SignError> {
    if !id_form::is_well_formed(webhook_id) {
        return Err(SignError::MalformedId);
    }
    if timestamp.0 < 0 {
        return Err(SignError::NegativeTimestamp);
    }
    let seconds = timestamp.to_string();
    let mut signatures = String::new();
    for signer in signers {
        signer.push_token(&mut signatures, webhook_id.as_bytes(), seconds.as_bytes(), body);
    }
    if signatures.is_empty() {
        return Err(SignError::NoSecrets);
    }
    let mut webhook_signature = header_value(&signatures);
    webhook_signature.set_sensitive(true);
    Ok(SignedHeaders {
        webhook_id: header_value(webhook_id),
        webhook_timestamp: header_value(&seconds),
        webhook_signature,
    })
}

fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("printable ASCII is a header value")
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::{SignError, sign};
    use crate::{SigningSecret, UnixSeconds, WEBHOOK_SIGNATURE};

    const NOW: UnixSeconds = UnixSeconds(1_750_287_078);

    fn secret(byte: u8) -> SigningSecret {
        SigningSecret::from_key_bytes(&[byte; 32]).unwrap()
    }

    /// The expected text was computed with Python's `hmac`, not with this crate.
    #[test]
    fn matches_an_independent_implementation() {
        let signed = sign([&secret(7)], "wh_1", NOW, b"{}").unwrap();
        assert_eq!(signed.webhook_signature, "v1,50pSNFvT60wq4SmYznhU9SE+N8v1tcVJF9Iq4xZ54rs=");
        assert_eq!(signed.webhook_timestamp, "1750287078");
        assert_eq!(signed.webhook_id, "wh_1");
    }

    #[test]
    fn one_token_per_secret_in_their_order() {
        let both = sign([&secret(1), &secret(2)], "wh_1", NOW, b"{}").unwrap().webhook_signature;
        let each = [1, 2].map(|byte| sign([&secret(byte)], "wh_1", NOW, b"{}").unwrap().webhook_signature);
        let joined = format!("{} {}", each[0].to_str().unwrap(), each[1].to_str().unwrap());
        assert_eq!(both, joined.as_str());
    }

    #[test]
    fn refuses_what_no_receiver_could_accept() {
        let secret = secret(1);
        for id in ["", "a b", "wh_é", "a\r\nx: y", &"a".repeat(256)] {
            assert_eq!(sign([&secret], id, NOW, b""), Err(SignError::MalformedId), "{id:?}");
        }
        assert_eq!(sign([&secret], "a", UnixSeconds(-1), b""), Err(SignError::NegativeTimestamp));
        let nobody: [&SigningSecret; 0] = [];
        assert_eq!(sign(nobody, "a", NOW, b""), Err(SignError::NoSecrets));
        assert!(sign([&secret], "a.b", UnixSeconds(0), b"").is_ok());
    }

    #[test]
    fn applying_replaces_and_debug_hides() {
        let signed = sign([&secret(1)], "wh_1", NOW, b"{}").unwrap();
        assert!(!format!("{signed:?}").contains("v1,"));
        let mut headers = HeaderMap::new();
        headers.append(WEBHOOK_SIGNATURE, HeaderValue::from_static("v1,old"));
        signed.clone().apply(&mut headers);
        assert_eq!(headers.len(), 3);
        assert_eq!(headers[WEBHOOK_SIGNATURE], signed.webhook_signature);
    }
}
