//! Any text before the readers of secrets and keys.
//!
//! What holds: none of them panics; what is accepted is what the text encodes, and is written again as the
//! same text; one text is never a key of two kinds; neither an error nor what is shown of a key holds any
//! part of it.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use ringback_fuzz::reference;
use ringback_webhook::{
    PRIVATE_KEY_PREFIX, PUBLIC_KEY_PREFIX, PrivateKey, PublicKey, SECRET_PREFIX, SigningSecret,
};

/// The shortest piece of a key that is looked for, in bytes. A shorter one can be a word of the texts, and
/// libFuzzer finds those.
const TELLING_BYTES: usize = 24;

/// What a hint may show of a strong secret, in characters.
const HINT_CHARS: usize = 4;

fuzz_target!(|text: &str| {
    let accepted = [
        check_strict(text),
        check_openai(text) && text.starts_with(SECRET_PREFIX),
        check_private(text),
        check_public(text),
    ];
    let [strict, prefixed, private, public] = accepted;
    assert_eq!(strict, prefixed, "with a prefix there is one reading");
    assert!(
        [strict, private, public].iter().filter(|accepted| **accepted).count() <= 1,
        "a key of two kinds"
    );
    check_made(text);
});

fn check_strict(text: &str) -> bool {
    let parsed = SigningSecret::parse(text);
    check_silent(text, &parsed);
    let Ok(secret) = parsed else { return false };
    assert_eq!(decoded(text, SECRET_PREFIX).map(|key| key.len()), Some(secret.key_len()));
    check_shown(text, &secret);
    true
}

fn check_openai(text: &str) -> bool {
    let parsed = SigningSecret::parse_openai(text);
    check_silent(text, &parsed);
    let Ok(secret) = parsed else { return false };
    assert_eq!(reference::key(text).map(|key| key.len()), Some(secret.key_len()));
    check_shown(text, &secret);
    true
}

fn check_private(text: &str) -> bool {
    let parsed = PrivateKey::parse(text);
    check_silent(text, &parsed);
    let Ok(key) = parsed else { return false };
    let bytes = decoded(text, PRIVATE_KEY_PREFIX).expect("an accepted key is base64");
    let (seed, public) = bytes.split_first_chunk::<32>().expect("an accepted key has a seed");
    assert_eq!(PrivateKey::from_seed(seed).public_key(), key.public_key());
    assert!(public.is_empty() || public == key.public_key().to_bytes());
    assert_eq!(key.reveal().as_str(), text);
    true
}

fn check_public(text: &str) -> bool {
    let parsed = PublicKey::parse(text);
    if let Err(error) = &parsed {
        assert!(!shows(&format!("{error} {error:?}"), text), "an error shows its text");
    }
    let Ok(key) = parsed else { return false };
    assert_eq!(key.to_string(), text);
    assert_eq!(decoded(text, PUBLIC_KEY_PREFIX).as_deref(), Some(&key.to_bytes()[..]));
    true
}

/// The bytes of the text as a key.
fn check_made(text: &str) {
    if let Ok(secret) = SigningSecret::from_key_bytes(text.as_bytes()) {
        let again = SigningSecret::parse(&secret.reveal()).expect("what is written can be read");
        assert_eq!(*again.reveal(), *secret.reveal());
        assert_eq!(again.key_len(), text.len());
    }
}

fn check_shown(text: &str, secret: &SigningSecret) {
    assert_eq!(secret.reveal().as_str(), text);
    assert_eq!(format!("{secret:?}"), "[REDACTED]");
    let hint = secret.hint();
    let shown = hint.strip_prefix(SECRET_PREFIX).unwrap_or(&hint).trim_start_matches('…');
    assert!(
        shown.chars().count() <= HINT_CHARS && (!secret.is_weak() || shown.is_empty()),
        "a hint tells too much"
    );
}

/// Neither the error nor the debug form holds a piece of the text.
fn check_silent<K: std::fmt::Debug, E: std::error::Error>(text: &str, parsed: &Result<K, E>) {
    let shown = match parsed {
        Ok(key) => format!("{key:?}"),
        Err(error) => format!("{error} {error:?} {:?}", error.source()),
    };
    assert!(!shows(&shown, text), "a secret shows itself");
}

fn shows(shown: &str, text: &str) -> bool {
    let mut pieces = text.as_bytes().windows(TELLING_BYTES);
    pieces.any(|piece| piece.iter().all(is_base64) && reference::contains(shown.as_bytes(), piece))
}

fn is_base64(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=".contains(byte)
}

fn decoded(text: &str, prefix: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.strip_prefix(prefix)?).ok()
}
