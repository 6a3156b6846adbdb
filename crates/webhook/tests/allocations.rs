//! How often verifying asks for memory: never, for HMAC. Nothing of a refused call, and a hostile one above
//! all, is worth a buffer of ours; ed25519 wants what was signed in one piece, which is one buffer however
//! many keys there are.
//!
//! In a file and a test of its own, since the counting allocator is that of the whole program.

use allocation_counter::measure;
use http::{HeaderMap, HeaderValue};
use ringback_webhook::{
    SigningSecret, UnixSeconds, Verifier, VerifyError, WEBHOOK_ID, WEBHOOK_SIGNATURE, sign,
};

const NOW: UnixSeconds = UnixSeconds(1_750_287_078);
const BODY: &[u8] =
    br#"{"object":"event","id":"evt_1","type":"batch.completed","created_at":1,"data":{"id":"batch_1"}}"#;

fn secret(byte: u8) -> SigningSecret {
    SigningSecret::from_key_bytes(&[byte; 32]).expect("not empty")
}

fn signed() -> HeaderMap {
    let mut headers = HeaderMap::new();
    sign(&[secret(1), secret(2)], "wh_1", NOW, BODY).expect("a well-formed id").apply(&mut headers);
    headers
}

/// How many allocations it takes to judge a call, whose verdict has to be `expected`.
fn allocations(
    verifier: &Verifier,
    headers: &HeaderMap,
    now: UnixSeconds,
    expected: Result<(), VerifyError>,
) -> u64 {
    let mut verdict = None;
    let counted = measure(|| verdict = Some(verifier.verify(headers, BODY, now).map(drop)));
    assert_eq!(verdict, Some(expected));
    counted.count_total
}

#[test]
fn verifying_allocates_nothing_but_the_signed_text_of_ed25519() {
    // The measure itself: one buffer is one allocation.
    assert_eq!(measure(|| drop(std::hint::black_box(vec![0; 100]))).count_total, 1);

    let verifier = Verifier::new([secret(9), secret(2)]);
    let good = signed();
    assert_eq!(allocations(&verifier, &good, NOW, Ok(())), 0, "good");

    let old = Err(VerifyError::TimestampTooOld { age_secs: 301, tolerance_secs: 300 });
    assert_eq!(allocations(&verifier, &good, UnixSeconds(NOW.0 + 301), old), 0, "too old");

    let stranger = Verifier::new([secret(7), secret(8)]);
    assert_eq!(allocations(&stranger, &good, NOW, Err(VerifyError::SignatureMismatch)), 0, "mismatch");

    let mut unusable = signed();
    unusable.insert(WEBHOOK_SIGNATURE, HeaderValue::from_static("v2,AAAA v1,!!!!"));
    assert_eq!(allocations(&verifier, &unusable, NOW, Err(VerifyError::UnusableSignature)), 0, "unusable");

    let mut missing = signed();
    missing.remove(WEBHOOK_ID);
    let expected = Err(VerifyError::MissingHeader { name: "webhook-id" });
    assert_eq!(allocations(&verifier, &missing, NOW, expected), 0, "missing header");

    #[cfg(feature = "ed25519")]
    {
        use ringback_webhook::PrivateKey;

        let keys = [1, 2, 3].map(|byte| PrivateKey::from_seed(&[byte; 32]));
        let mut headers = HeaderMap::new();
        sign(&keys[1..], "wh_1", NOW, BODY).expect("a well-formed id").apply(&mut headers);
        let with = |keys: &[PrivateKey]| {
            let builder =
                keys.iter().fold(Verifier::builder(), |builder, key| builder.public_key(key.public_key()));
            builder.build().expect("there is a key")
        };
        assert_eq!(allocations(&with(&keys), &headers, NOW, Ok(())), 1, "good, v1a");
        let mismatch = Err(VerifyError::SignatureMismatch);
        assert_eq!(allocations(&with(&keys[..1]), &headers, NOW, mismatch), 1, "mismatch, v1a");
        assert_eq!(
            allocations(&with(&keys), &signed(), NOW, Err(VerifyError::UnusableSignature)),
            0,
            "no v1a"
        );
    }
}
