//! Properties that hold for all inputs: what is signed verifies in whatever order and case its headers come,
//! what is altered by a single bit does not, and no error repeats what it was given. For both kinds of
//! signatures.

use http::HeaderMap;
use proptest::{collection::vec, prelude::*, sample::Index};
use ringback_webhook::{EnvelopeHead, Event, SigningSecret, UnixSeconds, Verifier, sign};

const HEADERS: [&str; 3] = ["webhook-id", "webhook-timestamp", "webhook-signature"];

/// Where the base64 begins in a header with one signature: after `v1,`.
const TOKEN_START: usize = 3;

fn secret() -> impl Strategy<Value = SigningSecret> {
    vec(any::<u8>(), 1..100).prop_map(|key| SigningSecret::from_key_bytes(&key).expect("not empty"))
}

fn pairs(
    secrets: &[SigningSecret],
    id: &str,
    timestamp: UnixSeconds,
    body: &[u8],
) -> Vec<(&'static str, Vec<u8>)> {
    let mut headers = HeaderMap::new();
    sign(secrets, id, timestamp, body).expect("the id is well-formed").apply(&mut headers);
    HEADERS.map(|name| (name, headers[name].as_bytes().to_vec())).into()
}

/// Changes one bit of the id, the timestamp, the signature without its label, or the body.
fn flip(
    headers: &mut [(&'static str, Vec<u8>)],
    body: &mut [u8],
    part: usize,
    token_start: usize,
    position: Index,
    bit: u32,
) {
    let target = match part {
        0 | 1 => headers[part].1.as_mut_slice(),
        2 => &mut headers[2].1[token_start..],
        _ => body,
    };
    target[position.index(target.len())] ^= 1 << bit;
}

/// All headers in another order, their names in any mixture of cases.
fn shuffled(
    signed: Vec<(&'static str, Vec<u8>)>,
    others: Vec<(String, Vec<u8>)>,
    order: &[u32],
    upper: u64,
) -> Vec<(String, Vec<u8>)> {
    let signed = signed.into_iter().map(|(name, value)| (name.to_owned(), value));
    let mut headers: Vec<_> = signed.chain(others).zip(order).collect();
    headers.sort_by_key(|(_, place)| **place);
    let recased = |name: String| {
        let letters = name.chars().enumerate();
        let choose = |(index, letter): (usize, char)| match upper >> (index % 64) & 1 {
            1 => letter.to_ascii_uppercase(),
            _ => letter,
        };
        letters.map(choose).collect::<String>()
    };
    headers.into_iter().map(|((name, value), _)| (recased(name), value)).collect()
}

proptest! {
    #[test]
    fn what_is_signed_verifies_with_each_secret(
        secrets in vec(secret(), 1..4),
        chosen: Index,
        id in "[\\x21-\\x7e]{1,255}",
        seconds in 0..=i64::MAX,
        body: String,
    ) {
        let now = UnixSeconds(seconds);
        let headers = pairs(&secrets, &id, now, body.as_bytes());
        let all = Verifier::new(secrets.clone()).verify(&headers, body.as_bytes(), now).unwrap();
        prop_assert_eq!((all.webhook_id, all.timestamp, all.secret_index), (id.as_str(), now, 0));
        let one = Verifier::new([chosen.get(&secrets).clone()]);
        prop_assert!(one.verify(&headers, body.as_bytes(), now).is_ok());
    }

    #[test]
    fn one_flipped_bit_anywhere_is_refused(
        secret in secret(),
        id in "[\\x21-\\x7e]{1,40}",
        seconds in 0..=4_000_000_000_i64,
        body in "[ -~]{1,80}",
        part in 0..4_usize,
        position: Index,
        bit in 0..8_u32,
    ) {
        let now = UnixSeconds(seconds);
        let mut headers = pairs(std::slice::from_ref(&secret), &id, now, body.as_bytes());
        let mut body = body.into_bytes();
        flip(&mut headers, &mut body, part, TOKEN_START, position, bit);
        // The widest window, so that it cannot be the age that refuses.
        let verifier = Verifier::new([secret]).with_tolerance_secs(u32::MAX);
        prop_assert!(verifier.verify(&headers, &body, now).is_err());
    }

    #[test]
    fn one_flipped_bit_of_the_secret_is_refused(
        key in vec(any::<u8>(), 1..100),
        position: Index,
        bit in 0..8_u32,
        body: String,
    ) {
        let now = UnixSeconds(1);
        let mut other = key.clone();
        other[position.index(key.len())] ^= 1 << bit;
        let headers = pairs(&[SigningSecret::from_key_bytes(&key).unwrap()], "wh_1", now, body.as_bytes());
        let verifier = Verifier::new([SigningSecret::from_key_bytes(&other).unwrap()]);
        let verdict = verifier.verify(&headers, body.as_bytes(), now);
        prop_assert_eq!(verdict.unwrap_err().code(), "signature_mismatch");
    }

    #[test]
    fn any_order_and_case_of_the_headers_verifies(
        secret in secret(),
        id in "[\\x21-\\x7e]{1,40}",
        body: String,
        others in vec(("x-[a-z]{1,8}", vec(any::<u8>(), 0..20)), 0..5),
        order: [u32; 8],
        upper: u64,
    ) {
        let now = UnixSeconds(1);
        let signed = pairs(std::slice::from_ref(&secret), &id, now, body.as_bytes());
        let headers = shuffled(signed, others, &order, upper);
        let verifier = Verifier::new([secret]);
        prop_assert!(verifier.verify(&headers, body.as_bytes(), now).is_ok(), "{:?}", headers);
    }

    #[test]
    fn no_input_panics(values in vec(vec(any::<u8>(), 0..80), 3), body: Vec<u8>, now: i64, text: String) {
        let headers: Vec<_> = HEADERS.into_iter().zip(values).collect();
        let verifier = Verifier::new([SigningSecret::from_key_bytes(b"k").unwrap()]);
        prop_assert!(verifier.verify(&headers, &body, UnixSeconds(now)).is_err());
        let _ = EnvelopeHead::parse(&body);
        let _ = Event::parse(&body);
        if let Ok(secret) = SigningSecret::parse_openai(&text) {
            let revealed = secret.reveal();
            prop_assert_eq!(revealed.as_str(), text.as_str());
            prop_assert!(secret.hint().chars().count() <= "whsec_…".chars().count() + 4);
        }
    }

    #[test]
    fn the_head_and_the_whole_event_agree(
        event_type in "[a-z_]{1,8}\\.[a-z_]{1,8}",
        id in proptest::option::of(any::<String>()),
        created_at in proptest::option::of(any::<i64>()),
        object_id: String,
    ) {
        let mut body = serde_json::json!({"type": event_type, "data": {"id": object_id}});
        if let Some(id) = &id {
            body["id"] = id.as_str().into();
        }
        if let Some(created_at) = created_at {
            body["created_at"] = created_at.into();
        }
        let bytes = body.to_string().into_bytes();
        let head = EnvelopeHead::parse(&bytes).unwrap();
        let event = Event::parse(&bytes).unwrap();
        prop_assert_eq!(head.event_type.as_ref(), event.event_type.as_str());
        prop_assert_eq!((head.id.as_deref(), head.created_at), (id.as_deref(), created_at));
        prop_assert_eq!((event.id, event.created_at), (id, created_at.map(UnixSeconds)));
        prop_assert_eq!(head.object_id, Some(object_id.into()));
        prop_assert_eq!(serde_json::to_value(Event::parse(&bytes).unwrap()).unwrap(), body);
    }

    #[test]
    fn errors_repeat_nothing(noise in "[!@#%^&]{1,30}", timestamp_ok: bool) {
        const SENTINEL: &str = "SENTINEL";
        let text = format!("{noise}{SENTINEL}{noise}");
        let mut shown = Vec::new();
        for error in [SigningSecret::parse(&text), SigningSecret::parse(&format!("whsec_{text}"))] {
            let error = error.unwrap_err();
            shown.push(format!("{error} {error:?}"));
        }
        let timestamp = if timestamp_ok { "1" } else { text.as_str() };
        let headers = [(HEADERS[0], text.as_str()), (HEADERS[1], timestamp), (HEADERS[2], text.as_str())];
        let verifier = Verifier::new([SigningSecret::parse_openai(&text).unwrap()]);
        let error = verifier.verify(&headers, text.as_bytes(), UnixSeconds(1)).unwrap_err();
        shown.push(format!("{error} {error:?} {verifier:?}"));
        let error = EnvelopeHead::parse(text.as_bytes()).unwrap_err();
        shown.push(format!("{error} {error:?}"));
        prop_assert!(!shown.concat().contains(SENTINEL), "{:?}", shown);
    }
}

#[cfg(feature = "ed25519")]
mod asymmetric {
    use http::HeaderMap;
    use proptest::{collection::vec, prelude::*, sample::Index};
    use ringback_webhook::{PrivateKey, PublicKey, UnixSeconds, Verifier, sign};

    use super::{HEADERS, flip, shuffled};

    /// Where the base64 begins: after `v1a,`.
    const TOKEN_START: usize = 4;

    fn pairs(
        key: &PrivateKey,
        id: &str,
        timestamp: UnixSeconds,
        body: &[u8],
    ) -> Vec<(&'static str, Vec<u8>)> {
        let mut headers = HeaderMap::new();
        sign([key], id, timestamp, body).expect("the id is well-formed").apply(&mut headers);
        HEADERS.map(|name| (name, headers[name].as_bytes().to_vec())).into()
    }

    fn verifier(key: PublicKey) -> Verifier {
        Verifier::builder().public_key(key).tolerance_secs(u32::MAX).build().expect("there is a key")
    }

    proptest! {
        #[test]
        fn what_is_signed_verifies_in_any_order_and_case(
            seed: [u8; 32],
            id in "[\\x21-\\x7e]{1,40}",
            body: String,
            others in vec(("x-[a-z]{1,8}", vec(any::<u8>(), 0..20)), 0..5),
            order: [u32; 8],
            upper: u64,
        ) {
            let (key, now) = (PrivateKey::from_seed(&seed), UnixSeconds(1));
            let headers = shuffled(pairs(&key, &id, now, body.as_bytes()), others, &order, upper);
            prop_assert!(verifier(key.public_key()).verify(&headers, body.as_bytes(), now).is_ok());
        }

        #[test]
        fn one_flipped_bit_anywhere_is_refused(
            seed: [u8; 32],
            id in "[\\x21-\\x7e]{1,40}",
            seconds in 0..=4_000_000_000_i64,
            body in "[ -~]{1,80}",
            part in 0..4_usize,
            position: Index,
            bit in 0..8_u32,
        ) {
            let (key, now) = (PrivateKey::from_seed(&seed), UnixSeconds(seconds));
            let mut headers = pairs(&key, &id, now, body.as_bytes());
            let mut body = body.into_bytes();
            flip(&mut headers, &mut body, part, TOKEN_START, position, bit);
            prop_assert!(verifier(key.public_key()).verify(&headers, &body, now).is_err());
        }

        #[test]
        fn one_flipped_bit_of_either_key_is_refused(
            seed: [u8; 32],
            position in 0..32_usize,
            bit in 0..8_u32,
            body: String,
        ) {
            let (key, now) = (PrivateKey::from_seed(&seed), UnixSeconds(1));
            let headers = pairs(&key, "wh_1", now, body.as_bytes());
            let mut other = seed;
            other[position] ^= 1 << bit;
            let other = PrivateKey::from_seed(&other).public_key();
            prop_assert!(verifier(other).verify(&headers, body.as_bytes(), now).is_err());
            // Half of all texts of 32 bytes are no point of the curve; the others are somebody else's key.
            let mut bytes = key.public_key().to_bytes();
            bytes[position] ^= 1 << bit;
            if let Ok(other) = PublicKey::from_bytes(&bytes) {
                prop_assert!(verifier(other).verify(&headers, body.as_bytes(), now).is_err());
            }
        }
    }
}
