//! How secrets are read, and that they are never shown.

use super::{SecretError, SigningSecret};

/// 32 bytes, 0 to 31.
const TEXT: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn key() -> Vec<u8> {
    (0..32).collect()
}

#[test]
fn text_and_key_bytes_are_the_same_secret() {
    let read = SigningSecret::parse(TEXT).unwrap();
    let made = SigningSecret::from_key_bytes(&key()).unwrap();
    assert_eq!(read.key_len(), 32);
    assert_eq!(*made.reveal(), TEXT);
    assert_eq!(read.mac(b"a", b"1", b"{}"), made.mac(b"a", b"1", b"{}"));
}

#[test]
fn a_raw_text_is_its_own_key_only_when_asked() {
    let text = "&YjJE7mCSMkHRnTJv1y9fY0X";
    assert_eq!(SigningSecret::parse(text).unwrap_err(), SecretError::MissingPrefix);
    let raw = SigningSecret::parse_openai(text).unwrap();
    assert_eq!(*raw.reveal(), text);
    let same = SigningSecret::from_key_bytes(text.as_bytes()).unwrap();
    assert_eq!(raw.mac(b"a", b"1", b"{}"), same.mac(b"a", b"1", b"{}"));
}

#[test]
fn the_prefix_means_base64_in_both_readings() {
    let strict = SigningSecret::parse(TEXT).unwrap();
    let openai = SigningSecret::parse_openai(TEXT).unwrap();
    assert_eq!(strict.mac(b"a", b"1", b"{}"), openai.mac(b"a", b"1", b"{}"));
}

#[test]
fn every_mistake_has_its_name() {
    let cases = [
        ("", SecretError::Empty),
        ("whsec_", SecretError::Empty),
        (" whsec_AAEC", SecretError::SurroundingWhitespace),
        ("whsec_AAEC\n", SecretError::SurroundingWhitespace),
        ("WHSEC_AAEC", SecretError::PrefixCase),
        ("whsk_AAEC", SecretError::AsymmetricKey),
        ("whpk_AAEC", SecretError::AsymmetricKey),
        ("whsec_A-EC", SecretError::UrlSafeAlphabet { offset: 1 }),
        ("whsec_AA_C", SecretError::UrlSafeAlphabet { offset: 2 }),
        ("whsec_!AEC", SecretError::InvalidCharacter { offset: 0 }),
        ("whsec_AA EC", SecretError::InvalidCharacter { offset: 2 }),
        ("whsec_AAE", SecretError::Padding),
        ("whsec_AAECAA", SecretError::Padding),
        ("whsec_AAEC=", SecretError::Padding),
        ("whsec_AAECA", SecretError::Padding),
        ("whsec_AAF=", SecretError::NotCanonical),
    ];
    for (text, expected) in cases {
        assert_eq!(SigningSecret::parse(text).unwrap_err(), expected, "{text:?}");
        assert_eq!(SigningSecret::parse_openai(text).unwrap_err(), expected, "{text:?}");
        assert!(expected.code().starts_with("secret_"));
    }
    assert_eq!(SigningSecret::from_key_bytes(&[]).unwrap_err(), SecretError::Empty);
}

#[test]
fn a_multi_byte_character_at_the_prefix_is_no_panic() {
    assert_eq!(SigningSecret::parse("whsecé12345").unwrap_err(), SecretError::MissingPrefix);
}

#[test]
fn a_hint_shows_the_end_of_strong_secrets_only() {
    assert_eq!(SigningSecret::parse(TEXT).unwrap().hint(), "whsec_…Hh8=");
    let raw = "a raw secret of many characters: äöü";
    assert_eq!(SigningSecret::parse_openai(raw).unwrap().hint(), "… äöü");
    assert_eq!(SigningSecret::parse("whsec_AAEC").unwrap().hint(), "whsec_…");
    assert_eq!(SigningSecret::parse_openai("hunter2").unwrap().hint(), "…");
}

#[test]
fn weakness_begins_below_twenty_four_bytes() {
    assert!(SigningSecret::from_key_bytes(&[7; 23]).unwrap().is_weak());
    assert!(!SigningSecret::from_key_bytes(&[7; 24]).unwrap().is_weak());
}

#[test]
fn debug_is_redacted() {
    let secret = SigningSecret::parse(TEXT).unwrap();
    assert_eq!(format!("{secret:?} {secret:#?}"), "[REDACTED] [REDACTED]");
}
