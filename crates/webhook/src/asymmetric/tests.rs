//! How asymmetric keys are read, what they sign, and that the two kinds of signatures never meet.
//!
//! The expected texts were computed with Python's `cryptography` 48.0.0 and not with this crate:
//! `Ed25519PrivateKey.from_private_bytes(bytes(range(32)))`, `.sign(b"wh_1.1750287078." + body)`, base64.

use http::HeaderMap;

use super::{KeyError, PrivateKey, PublicKey};
use crate::{SecretError, Signer, SigningSecret, UnixSeconds, Verifier, VerifyError, sign};

const SEED: &str = "whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const SEED_AND_PUBLIC: &str =
    "whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8DoQe/884Qvh1w3RjnS8CZZ+TWMJulDV8d3IZkElUxuA==";
const PUBLIC: &str = "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=";
const SIGNATURES: [(&str, &str); 3] = [
    ("{}", "v1a,XrC4xvoDuR2Q5g/9HakrP0ib9EjLpWuUqADYc5qhGdax8IL7tW/niGbpXqGnjQLKtNEILGEFbmUlYA+djw4/Bg=="),
    ("", "v1a,HJI42AQVDC+r/kkZqL1GSbYUz/+xxYuBeAAWxSqmyms7OXc4+XnSLrZiC0enGX4dnU5v7Wvxa10lC7jHwM2bCQ=="),
    (
        r#"{"type":"a.b","data":{"x":"é"}}"#,
        "v1a,PbaFzoXRBtDA9xPye9JrpmibhL0n9A0oHpevdzBSW/I6D3X2irJwtIXF+fBN5ALEsaIJNX1rIZqZH5mflaf7BA==",
    ),
];
const NOW: UnixSeconds = UnixSeconds(1_750_287_078);

fn headers(signers: &[&dyn Signer], body: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    sign(signers.iter().copied(), "wh_1", NOW, body).unwrap().apply(&mut headers);
    headers
}

fn with_signature(value: &str) -> [(&'static str, String); 3] {
    [
        ("webhook-id", "wh_1".into()),
        ("webhook-timestamp", NOW.to_string()),
        ("webhook-signature", value.into()),
    ]
}

fn public(key: PublicKey) -> Verifier {
    Verifier::builder().public_key(key).build().unwrap()
}

#[test]
fn signs_as_an_independent_implementation_does() {
    for key in [SEED, SEED_AND_PUBLIC].map(|text| PrivateKey::parse(text).unwrap()) {
        assert_eq!(key.public_key().to_string(), PUBLIC);
        for (body, expected) in SIGNATURES {
            let signed = sign([&key], "wh_1", NOW, body.as_bytes()).unwrap();
            assert_eq!(signed.webhook_signature, expected, "{body}");
        }
    }
}

#[test]
fn verifies_what_an_independent_implementation_signed() {
    let verifier = public(PublicKey::parse(PUBLIC).unwrap());
    for (index, (body, signature)) in SIGNATURES.into_iter().enumerate() {
        let headers = with_signature(signature);
        assert_eq!(verifier.verify(&headers, body.as_bytes(), NOW).unwrap().secret_index, 0);
        let (other, _) = SIGNATURES[(index + 1) % SIGNATURES.len()];
        let verdict = verifier.verify(&headers, other.as_bytes(), NOW);
        assert_eq!(verdict, Err(VerifyError::SignatureMismatch));
    }
}

#[test]
fn both_kinds_sign_one_call_and_any_key_of_either_accepts_it() {
    let secrets = [1, 2].map(|byte| SigningSecret::from_key_bytes(&[byte; 32]).unwrap());
    let keys = [1, 2].map(|byte| PrivateKey::from_seed(&[byte; 32]));
    let headers = headers(&[&keys[0], &secrets[0], &secrets[1], &keys[1]], b"{}");
    for (secret, key) in secrets.into_iter().zip(keys) {
        assert!(Verifier::new([secret]).verify(&headers, b"{}", NOW).is_ok());
        let stranger = PrivateKey::from_seed(&[9; 32]).public_key();
        let verifier = Verifier::builder()
            .labelled_public_key("stranger", stranger)
            .labelled_public_key("sender", key.public_key())
            .build()
            .unwrap();
        let verified = verifier.verify(&headers, b"{}", NOW).unwrap();
        assert_eq!(verifier.label(verified.secret_index), Some("sender"));
        assert_eq!(public(stranger).verify(&headers, b"{}", NOW), Err(VerifyError::SignatureMismatch));
    }
}

#[test]
fn one_kind_is_never_checked_with_the_other() {
    // The public key's own bytes as a secret: what confuses the two kinds would accept a signature by
    // anybody.
    let key = PrivateKey::parse(SEED).unwrap();
    let bytes = super::decode(PUBLIC, super::PUBLIC_KEY_PREFIX).unwrap();
    let secret = SigningSecret::from_key_bytes(&bytes).unwrap();
    let unusable = Err(VerifyError::UnusableSignature);
    assert_eq!(public(key.public_key()).verify(&headers(&[&secret], b"{}"), b"{}", NOW), unusable);
    assert_eq!(Verifier::new([secret.clone()]).verify(&headers(&[&key], b"{}"), b"{}", NOW), unusable);
    // The right bytes under the other label.
    let (body, token) = SIGNATURES[0];
    for label in ["v1,", "", "v1A,", "v2,"] {
        let relabelled = with_signature(&token.replace("v1a,", label));
        assert_eq!(public(key.public_key()).verify(&relabelled, body.as_bytes(), NOW), unusable, "{label}");
    }
    let mac = headers(&[&secret], b"{}")["webhook-signature"].to_str().unwrap().replace("v1,", "v1a,");
    let mixed = Verifier::builder().secret(secret).public_key(key.public_key()).build().unwrap();
    assert_eq!(mixed.verify(&with_signature(&mac), b"{}", NOW), unusable);
}

#[test]
fn only_so_many_signatures_are_tried() {
    let (body, right) = SIGNATURES[0];
    let wrong = SIGNATURES[1].1;
    let verifier = public(PublicKey::parse(PUBLIC).unwrap());
    let after = |count: usize| {
        let value = [vec![wrong; count], vec![right]].concat().join(" ");
        verifier.verify(&with_signature(&value), body.as_bytes(), NOW).is_ok()
    };
    assert_eq!([0, 1, 7, 8].map(after), [true, true, true, false]);
}

#[test]
fn every_mistake_in_a_private_key_has_its_name() {
    let swapped = format!("{}E{}", &SEED_AND_PUBLIC[..50], &SEED_AND_PUBLIC[51..]);
    let cases = [
        ("", KeyError::Empty),
        ("whsk_", KeyError::Empty),
        (" whsk_AAEC", KeyError::SurroundingWhitespace),
        ("AAEC", KeyError::MissingPrefix { expected: "whsk_" }),
        ("WHSK_AAEC", KeyError::MissingPrefix { expected: "whsk_" }),
        (PUBLIC, KeyError::OtherKind { expected: "whsk_", found: "whpk_" }),
        ("whsec_AAEC", KeyError::OtherKind { expected: "whsk_", found: "whsec_" }),
        ("whsk_AA_C", KeyError::NotBase64 { cause: SecretError::UrlSafeAlphabet { offset: 2 } }),
        ("whsk_AAEC", KeyError::Length { bytes: 3 }),
        (&SEED_AND_PUBLIC[..5 + 48], KeyError::Length { bytes: 36 }),
        (&swapped, KeyError::Inconsistent),
    ];
    for (text, expected) in cases {
        assert_eq!(PrivateKey::parse(text).unwrap_err(), expected, "{text:?}");
        assert!(expected.code().starts_with("key_"));
    }
}

#[test]
fn a_public_key_that_anybody_can_sign_for_is_refused() {
    // The neutral element and a point of order four, and bytes that are no point at all.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut no_point = [0; 32];
    no_point[0] = 2;
    for bytes in [neutral, [0; 32], no_point] {
        assert_eq!(PublicKey::from_bytes(&bytes), Err(KeyError::NotAKey), "{bytes:?}");
    }
    assert_eq!(PublicKey::parse("whpk_AAEC"), Err(KeyError::Length { bytes: 3 }));
    assert_eq!(PublicKey::parse(SEED), Err(KeyError::OtherKind { expected: "whpk_", found: "whsk_" }));
}

#[test]
fn the_private_half_is_shown_only_on_purpose() {
    let key = PrivateKey::parse(SEED_AND_PUBLIC).unwrap();
    assert_eq!(format!("{key:?} {key:#?}"), "[REDACTED] [REDACTED]");
    assert_eq!(*key.reveal(), SEED_AND_PUBLIC);
    let seed: [u8; 32] = std::array::from_fn(|index| index.to_le_bytes()[0]);
    assert_eq!(*PrivateKey::from_seed(&seed).reveal(), SEED);
    let verifier = Verifier::builder().labelled_public_key("sender", key.public_key()).build().unwrap();
    assert_eq!(
        format!("{verifier:?}"),
        format!(r#"Verifier {{ keys: ["sender": {PUBLIC}], tolerance_secs: 300 }}"#)
    );
}
