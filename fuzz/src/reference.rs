//! The rules of Standard Webhooks once more, plainly, and on another implementation of HMAC.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A list of header fields as it came.
pub type Headers = Vec<(String, Vec<u8>)>;

/// The signature of a call: base64, without a label.
#[must_use]
pub fn signature(key: &[u8], id: &[u8], timestamp: &[u8], body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    STANDARD.encode(hmac::sign(&key, &[id, b".", timestamp, b".", body].concat()))
}

/// The key that a secret stands for, as the OpenAI SDKs read it; `None` for what is no base64.
#[must_use]
pub fn key(secret: &str) -> Option<Vec<u8>> {
    match secret.strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).ok(),
        None => Some(secret.as_bytes().to_vec()),
    }
}

/// The value of the first header of this name, without the blanks around it; empty if there is none.
#[must_use]
pub fn first<'h>(headers: &'h Headers, name: &str) -> &'h [u8] {
    let named = headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
    named.map_or(&[], |(_, value)| trim(value))
}

/// Whether one of the tokens in a `webhook-signature` value is this signature.
#[must_use]
pub fn lists(value: &[u8], signature: &str) -> bool {
    value.split(u8::is_ascii_whitespace).any(|token| {
        let token = token.strip_suffix(b",").unwrap_or(token);
        token.strip_prefix(b"v1,").unwrap_or(token) == signature.as_bytes()
    })
}

/// Takes off blanks and tabs, which HTTP does not count as part of a value.
#[must_use]
pub fn trim(value: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !blank(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &value[start..end]
}

/// Whether `needle`, which is not empty, occurs in `text`.
#[must_use]
pub fn contains(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|window| window == needle)
}
