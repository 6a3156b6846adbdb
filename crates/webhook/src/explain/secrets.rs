//! The texts that people configure as a secret, and what they meant.
//!
//! Each function undoes one mistake in a text, and gives nothing where the mistake was not made. White space
//! around it is taken off beforehand, because it comes with every other mistake.

use zeroize::Zeroizing;

use super::{MAX_SECRETS, read_as_configured};
use crate::secret::{SECRET_PREFIX, SecretError, SigningSecret};

/// What may stand around a text that was copied out of a program or a document.
const QUOTES: [char; 8] = ['"', '\'', '`', '“', '”', '‘', '’', '„'];

/// The texts that are secrets, each with its place, and why the first of the others is not.
pub(super) fn read(texts: &[&str]) -> (Vec<(usize, SigningSecret)>, Option<SecretError>) {
    let texts = || texts.iter().enumerate().take(MAX_SECRETS);
    let usable = texts().filter_map(|(index, text)| Some((index, read_as_configured(text)?)));
    let fault = texts().find_map(|(_, text)| SigningSecret::parse_openai(text).err());
    (usable.collect(), fault)
}

pub(super) fn trimmed(text: &str) -> Option<SigningSecret> {
    parse(text)
}

pub(super) fn unquoted(text: &str) -> Option<SigningSecret> {
    parse_changed(text, text.trim_matches(QUOTES).trim())
}

pub(super) fn unbroken(text: &str) -> Option<SigningSecret> {
    let mut joined = Zeroizing::new(String::with_capacity(text.len()));
    joined.extend(text.chars().filter(|character| !character.is_whitespace()));
    parse_changed(text, &joined)
}

pub(super) fn assigned(text: &str) -> Option<SigningSecret> {
    let (name, value) = text.split_once('=')?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b' ';
    let value = value.trim().trim_matches(QUOTES);
    name.bytes().all(is_name).then(|| parse(value)).flatten()
}

pub(super) fn unlabelled(text: &str) -> Option<SigningSecret> {
    parse(text.strip_prefix("v1,")?.trim_start())
}

pub(super) fn prefix_in_lower_case(text: &str) -> Option<SigningSecret> {
    let prefix = text.get(..SECRET_PREFIX.len())?;
    let other_case = prefix != SECRET_PREFIX && prefix.eq_ignore_ascii_case(SECRET_PREFIX);
    other_case.then(|| of_base64(&text[SECRET_PREFIX.len()..])).flatten()
}

pub(super) fn prefix_once(text: &str) -> Option<SigningSecret> {
    let rest = text.strip_prefix(SECRET_PREFIX)?;
    rest.starts_with(SECRET_PREFIX).then(|| of_base64(rest.trim_start_matches(SECRET_PREFIX))).flatten()
}

pub(super) fn prefixed(text: &str) -> Option<SigningSecret> {
    if text.starts_with(SECRET_PREFIX) { None } else { of_base64(text) }
}

pub(super) fn standard_alphabet(text: &str) -> Option<SigningSecret> {
    let encoded = text.strip_prefix(SECRET_PREFIX).unwrap_or(text);
    if !encoded.contains(['-', '_']) {
        return None;
    }
    let mut standard = Zeroizing::new(String::with_capacity(encoded.len()));
    standard.extend(encoded.chars().map(|character| match character {
        '-' => '+',
        '_' => '/',
        other => other,
    }));
    of_base64(&fill_up(&standard))
}

pub(super) fn padded(text: &str) -> Option<SigningSecret> {
    let encoded = text.strip_prefix(SECRET_PREFIX).unwrap_or(text);
    let filled = fill_up(encoded);
    (*filled != encoded).then(|| of_base64(&filled)).flatten()
}

pub(super) fn encoded_text(text: &str) -> Option<SigningSecret> {
    SigningSecret::from_key_bytes(text.strip_prefix(SECRET_PREFIX)?.as_bytes()).ok()
}

pub(super) fn whole_text(text: &str) -> Option<SigningSecret> {
    text.starts_with(SECRET_PREFIX).then(|| SigningSecret::from_key_bytes(text.as_bytes()).ok()).flatten()
}

fn parse(text: &str) -> Option<SigningSecret> {
    SigningSecret::parse_openai(text).ok()
}

fn parse_changed(before: &str, after: &str) -> Option<SigningSecret> {
    (before != after).then(|| parse(after)).flatten()
}

fn of_base64(encoded: &str) -> Option<SigningSecret> {
    let mut text = Zeroizing::new(String::with_capacity(SECRET_PREFIX.len() + encoded.len()));
    text.push_str(SECRET_PREFIX);
    text.push_str(encoded);
    SigningSecret::parse(&text).ok()
}

/// With as many `=` at its end as base64 wants.
fn fill_up(encoded: &str) -> Zeroizing<String> {
    let encoded = encoded.trim_end_matches('=');
    let mut filled = Zeroizing::new(String::with_capacity(encoded.len() + 3));
    filled.push_str(encoded);
    filled.extend(std::iter::repeat_n('=', (4 - encoded.len() % 4) % 4));
    filled
}
