//! Properties that hold for all inputs: what is signed verifies, what is altered by a single bit does not,
//! and no error repeats what it was given.

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
        let target = match part {
            0 | 1 => headers[part].1.as_mut_slice(),
            2 => &mut headers[2].1[TOKEN_START..],
            _ => body.as_mut_slice(),
        };
        target[position.index(target.len())] ^= 1 << bit;
        // The widest window, so that it cannot be the age that refuses.
        let verifier = Verifier::new([secret]).with_tolerance_secs(u32::MAX);
        prop_assert!(verifier.verify(&headers, &body, now).is_err());
    }

    #[test]
    fn another_secret_is_refused(key in vec(any::<u8>(), 1..64), body: Vec<u8>) {
        let now = UnixSeconds(1);
        let mut other = key.clone();
        other[0] ^= 1;
        let headers = pairs(&[SigningSecret::from_key_bytes(&key).unwrap()], "wh_1", now, &body);
        let verdict = Verifier::new([SigningSecret::from_key_bytes(&other).unwrap()]).verify(&headers, &body, now);
        prop_assert_eq!(verdict.unwrap_err().code(), "signature_mismatch");
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
