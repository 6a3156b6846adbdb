//! Every verdict of the verifier, one cause at a time.

use http::{HeaderMap, HeaderValue};

use super::{HeaderFault, Verified, Verifier, VerifyError};
use crate::{SigningSecret, UnixSeconds, headers, sign};

const NOW: UnixSeconds = UnixSeconds(1_750_287_078);
const BODY: &[u8] = br#"{"type":"a.b"}"#;

fn secret(byte: u8) -> SigningSecret {
    SigningSecret::from_key_bytes(&[byte; 32]).unwrap()
}

fn signed(secrets: &[SigningSecret], timestamp: UnixSeconds, body: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    sign(secrets, "wh_1", timestamp, body).unwrap().apply(&mut headers);
    headers
}

fn verify(headers: &HeaderMap, body: &[u8]) -> Result<usize, VerifyError> {
    Verifier::new([secret(1)]).verify(headers, body, NOW).map(|verified| verified.secret_index)
}

#[test]
fn what_was_signed_verifies() {
    let headers = signed(&[secret(1)], NOW, BODY);
    let verified = Verifier::new([secret(1)]).verify(&headers, BODY, NOW);
    assert_eq!(verified, Ok(Verified { webhook_id: "wh_1", timestamp: NOW, secret_index: 0 }));
}

#[test]
fn any_of_the_sender_s_secrets_meets_any_of_the_receiver_s() {
    let headers = signed(&[secret(1), secret(2)], NOW, BODY);
    let index = |secrets: &[SigningSecret]| {
        Verifier::new(secrets.iter().cloned())
            .verify(&headers, BODY, NOW)
            .map(|verified| verified.secret_index)
    };
    assert_eq!(index(&[secret(1)]), Ok(0));
    assert_eq!(index(&[secret(2)]), Ok(0));
    assert_eq!(index(&[secret(3), secret(9), secret(2)]), Ok(2));
    assert_eq!(index(&[secret(2), secret(1)]), Ok(0));
    assert_eq!(index(&[secret(3)]), Err(VerifyError::SignatureMismatch));
    assert_eq!(index(&[]), Err(VerifyError::SignatureMismatch));
}

#[test]
fn headers_may_be_pairs_of_texts() {
    let headers = signed(&[secret(1)], NOW, BODY);
    let pairs: Vec<(String, String)> = headers
        .iter()
        .map(|(name, value)| (name.as_str().to_uppercase(), value.to_str().unwrap().to_owned()))
        .collect();
    let verifier = Verifier::new([secret(1)]);
    assert!(verifier.verify(&pairs, BODY, NOW).is_ok());
    assert!(verifier.verify(pairs.as_slice(), BODY, NOW).is_ok());
}

#[test]
fn the_window_is_inclusive_on_both_sides() {
    let at = |offset: i64| verify(&signed(&[secret(1)], UnixSeconds(NOW.0 + offset), BODY), BODY);
    for offset in [-300, -1, 0, 1, 300] {
        assert_eq!(at(offset), Ok(0), "{offset}");
    }
    assert_eq!(at(-301), Err(VerifyError::TimestampTooOld { age_secs: 301, tolerance_secs: 300 }));
    assert_eq!(at(301), Err(VerifyError::TimestampTooNew { ahead_secs: 301, tolerance_secs: 300 }));
}

#[test]
fn the_tolerance_can_be_set() {
    let old = signed(&[secret(1)], UnixSeconds(0), BODY);
    let with = |secs| Verifier::new([secret(1)]).with_tolerance_secs(secs).verify(&old, BODY, NOW).is_ok();
    assert!(with(u32::MAX));
    assert!(!with(1_750_287_077));
    assert!(with(1_750_287_078));
}

#[test]
fn no_clock_overflows() {
    let headers = signed(&[secret(1)], UnixSeconds(i64::MAX), BODY);
    for now in [i64::MIN, -1, 0] {
        let verdict = Verifier::new([secret(1)]).verify(&headers, BODY, UnixSeconds(now));
        assert_eq!(verdict.unwrap_err().code(), "timestamp_too_new", "{now}");
    }
    assert!(Verifier::new([secret(1)]).verify(&headers, BODY, UnixSeconds(i64::MAX)).is_ok());
}

#[test]
fn each_header_is_needed() {
    for name in [headers::ID, headers::TIMESTAMP, headers::SIGNATURE] {
        let mut headers = signed(&[secret(1)], NOW, BODY);
        headers.insert(name, HeaderValue::from_static(" "));
        assert_eq!(verify(&headers, BODY), Err(VerifyError::MissingHeader { name }));
        headers.remove(name);
        assert_eq!(verify(&headers, BODY), Err(VerifyError::MissingHeader { name }));
    }
}

#[test]
fn each_header_may_be_repeated_only_unchanged() {
    for name in [headers::ID, headers::TIMESTAMP, headers::SIGNATURE] {
        let mut headers = signed(&[secret(1)], NOW, BODY);
        headers.append(name, headers[name].clone());
        assert_eq!(verify(&headers, BODY), Ok(0), "{name}");
        headers.append(name, HeaderValue::from_static("x"));
        assert_eq!(verify(&headers, BODY), Err(VerifyError::AmbiguousHeader { name }));
    }
}

#[test]
fn an_id_must_be_text() {
    let mut headers = signed(&[secret(1)], NOW, BODY);
    headers.insert(headers::ID, HeaderValue::from_bytes(b"wh_\xff").unwrap());
    let fault = HeaderFault::NotUtf8;
    assert_eq!(verify(&headers, BODY), Err(VerifyError::MalformedHeader { name: headers::ID, fault }));

    let pairs = [(headers::ID, "wh\r\n1"), (headers::TIMESTAMP, "1"), (headers::SIGNATURE, "v1,")];
    let fault = HeaderFault::ControlCharacter;
    assert_eq!(
        Verifier::new([secret(1)]).verify(&pairs, BODY, NOW),
        Err(VerifyError::MalformedHeader { name: headers::ID, fault })
    );
}

#[test]
fn a_timestamp_is_digits_within_63_bits() {
    for text in
        ["+1", "-1", "1.0", "1e9", "0x1", "1_0", "1 0", "١", "now", "9223372036854775808", &"9".repeat(5000)]
    {
        let mut headers = signed(&[secret(1)], NOW, BODY);
        headers.insert(headers::TIMESTAMP, HeaderValue::from_bytes(text.as_bytes()).unwrap());
        assert_eq!(verify(&headers, BODY), Err(VerifyError::MalformedTimestamp), "{text}");
    }
}

#[test]
fn a_header_without_a_usable_token_is_told_from_a_wrong_one() {
    let mut headers = signed(&[secret(1)], NOW, BODY);
    headers.insert(headers::SIGNATURE, HeaderValue::from_static("v1a,AAAA v1, v2,BBBB"));
    assert_eq!(verify(&headers, BODY), Err(VerifyError::UnusableSignature));
    let other = signed(&[secret(2)], NOW, BODY);
    assert_eq!(verify(&other, BODY), Err(VerifyError::SignatureMismatch));
}

#[test]
fn the_order_of_the_checks_is_as_promised() {
    let too_old = UnixSeconds(0);
    let not_text = b"\xff";
    // Signature before age: a forged old call is a mismatch.
    assert_eq!(
        verify(&signed(&[secret(2)], too_old, not_text), not_text),
        Err(VerifyError::SignatureMismatch)
    );
    // Age before the encoding of the body.
    let verdict = verify(&signed(&[secret(1)], too_old, not_text), not_text);
    assert_eq!(verdict.unwrap_err().code(), "timestamp_too_old");
    assert_eq!(verify(&signed(&[secret(1)], NOW, not_text), not_text), Err(VerifyError::BodyNotUtf8));
    // Headers before the form of the timestamp, that before the signature.
    let mut headers = signed(&[secret(2)], NOW, BODY);
    headers.insert(headers::TIMESTAMP, HeaderValue::from_static("soon"));
    assert_eq!(verify(&headers, BODY), Err(VerifyError::MalformedTimestamp));
    headers.remove(headers::SIGNATURE);
    assert_eq!(verify(&headers, BODY), Err(VerifyError::MissingHeader { name: headers::SIGNATURE }));
}

#[test]
fn debug_shows_no_secret() {
    let shown = format!("{:?}", Verifier::new([secret(1)]));
    assert_eq!(shown, "Verifier { keys: [[REDACTED]], tolerance_secs: 300 }");
}
