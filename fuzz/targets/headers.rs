//! Any headers, secrets and body before the verifier.
//!
//! An input is header fields, one a line, an empty line, and the body. The fields `secret` (there may be
//! several), `now` and `tolerance` are for the verifier, all others are the call's; `{signature}` is made
//! with the last secret.
//!
//! What holds: the verifier never panics; it accepts exactly when one of the tokens is the HMAC by one of the
//! secrets and the other rules hold too; `http::HeaderMap` and a list of pairs get the same verdict; no error
//! shows a secret or a signature.

#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use ringback_fuzz::reference::{self, Headers};
use ringback_fuzz::{NOW, script};
use ringback_webhook::{
    DEFAULT_TOLERANCE_SECS, SECRET_PREFIX, SigningSecret, UnixSeconds, Verified, Verifier, VerifyError,
};

/// The shortest base64 that is looked for in errors, in bytes. A shorter one can be a word of theirs, and
/// libFuzzer finds those.
const TELLING_BYTES: usize = 24;

fuzz_target!(|input: &[u8]| Call::read(input).check());

/// A call, and what it is judged by.
struct Call {
    headers: Headers,
    body: Vec<u8>,
    secrets: Vec<SigningSecret>,
    keys: Vec<Vec<u8>>,
    now: i64,
    tolerance_secs: u32,
}

impl Call {
    fn read(input: &[u8]) -> Self {
        let (head, body) = script::halves(input, b"\n\n");
        let (secrets, keys): (Vec<_>, Vec<_>) = script::fields(head)
            .iter()
            .filter(|(name, _)| name == "secret")
            .filter_map(|(_, value)| secret(value))
            .unzip();
        let head = script::replace(head, b"{now}", NOW.to_string().as_bytes());
        let head = match keys.last() {
            Some(key) => script::sign(&head, body, key),
            None => head,
        };
        let (settings, headers): (Headers, Headers) = script::fields(&head)
            .into_iter()
            .partition(|(name, _)| matches!(name.as_str(), "secret" | "now" | "tolerance"));
        Self {
            now: number(&settings, "now").unwrap_or(NOW),
            tolerance_secs: number(&settings, "tolerance").unwrap_or(DEFAULT_TOLERANCE_SECS),
            headers,
            body: body.to_vec(),
            secrets,
            keys,
        }
    }

    fn check(&self) {
        let verifier = Verifier::new(self.secrets.clone()).with_tolerance_secs(self.tolerance_secs);
        let verdict = verifier.verify(&self.headers, &self.body, UnixSeconds(self.now));
        if let Some(map) = self.header_map() {
            assert_eq!(verifier.verify(&map, &self.body, UnixSeconds(self.now)), verdict);
        }
        match &verdict {
            Ok(verified) => self.check_accepted(verified),
            Err(error) => self.check_refused(error),
        }
    }

    fn check_accepted(&self, verified: &Verified<'_>) {
        assert_eq!(verified.webhook_id.as_bytes(), self.value("webhook-id"));
        assert_eq!(Ok(verified.timestamp.0), self.timestamp().parse());
        assert!(verified.timestamp.0.abs_diff(self.now) <= u64::from(self.tolerance_secs), "out of time");
        assert_eq!(
            Some(verified.secret_index),
            self.genuine(),
            "accepted by another secret than the first right one"
        );
        assert!(std::str::from_utf8(&self.body).is_ok(), "accepted a body that is not UTF-8");
    }

    fn check_refused(&self, error: &VerifyError) {
        self.check_secrecy(error);
        match error {
            VerifyError::UnusableSignature | VerifyError::SignatureMismatch => {
                assert_eq!(self.genuine(), None, "refused a right signature");
            }
            VerifyError::TimestampTooOld { .. } | VerifyError::TimestampTooNew { .. } => {
                assert!(self.genuine().is_some(), "told a forger about the time");
                let distance = self.timestamp().parse::<i64>().map(|given| given.abs_diff(self.now));
                assert!(distance.is_ok_and(|secs| secs > u64::from(self.tolerance_secs)), "refused in time");
            }
            VerifyError::BodyNotUtf8 => {
                assert!(self.genuine().is_some() && std::str::from_utf8(&self.body).is_err());
            }
            _ => {}
        }
    }

    /// No text of the error holds a secret or a signature, given or right.
    fn check_secrecy(&self, error: &VerifyError) {
        let text = format!("{error} {error:?} {}", error.code());
        let given = self.headers.iter().flat_map(|(_, value)| value.split(|byte| b" \t,".contains(byte)));
        assert!(!given.into_iter().any(|token| shown(&text, token)), "an error quotes a header");
        for secret in &self.secrets {
            assert!(
                !shown(&text, secret.reveal().trim_start_matches(SECRET_PREFIX).as_bytes()),
                "an error shows a secret"
            );
        }
    }

    /// The first secret of which there is a right signature.
    fn genuine(&self) -> Option<usize> {
        let (id, timestamp) = (self.value("webhook-id"), self.value("webhook-timestamp"));
        let signatures = self.value("webhook-signature");
        self.keys.iter().position(|key| {
            reference::lists(signatures, &reference::signature(key, id, timestamp, &self.body))
        })
    }

    fn value(&self, name: &str) -> &[u8] {
        reference::first(&self.headers, name)
    }

    fn timestamp(&self) -> &str {
        std::str::from_utf8(self.value("webhook-timestamp")).unwrap_or_default()
    }

    /// The same headers in the type that HTTP libraries use, if it takes them.
    fn header_map(&self) -> Option<HeaderMap> {
        let mut map = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            map.try_append(name, HeaderValue::from_bytes(value).ok()?).ok()?;
        }
        Some(map)
    }
}

/// Reads a secret, and checks what is promised about its texts.
fn secret(value: &[u8]) -> Option<(SigningSecret, Vec<u8>)> {
    let text = std::str::from_utf8(reference::trim(value)).ok()?;
    let private = text.trim_start_matches(SECRET_PREFIX).as_bytes();
    let secret = match SigningSecret::parse_openai(text) {
        Ok(secret) => secret,
        Err(error) => {
            assert!(!shown(&format!("{error} {error:?}"), private), "an error shows a secret");
            return None;
        }
    };
    let key = reference::key(text).expect("an accepted secret is base64");
    assert_eq!(secret.reveal().as_str(), text);
    assert_eq!(secret.key_len(), key.len());
    assert!(!shown(&format!("{secret:?} {}", secret.hint()), private), "a secret shows itself");
    Some((secret, key))
}

/// Whether a text holds something that is long enough to be a secret or a signature.
fn shown(text: &str, private: &[u8]) -> bool {
    let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    private.len() >= TELLING_BYTES
        && private.iter().all(base64)
        && reference::contains(text.as_bytes(), private)
}

fn number<N: std::str::FromStr>(settings: &Headers, name: &str) -> Option<N> {
    std::str::from_utf8(reference::first(settings, name)).ok()?.parse().ok()
}
