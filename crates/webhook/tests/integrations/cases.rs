//! What a receiver is called with, and what must come of it: the same for every framework.

use std::{net::SocketAddr, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ringback_webhook::{
    SigningSecret, UnixSeconds, Verifier,
    integrations::{Receiver, Rejection, Webhook},
};

use crate::call::Call;

/// The receiver's clock stands still.
const NOW: UnixSeconds = UnixSeconds(1_750_287_078);

/// The receiver's limit, in bytes.
const MAX_BODY_BYTES: usize = 512;

const EVENT: &str = r#"{"object":"event","id":"evt_1","type":"response.completed","created_at":1750287018,"data":{"id":"resp_1"}}"#;

/// `{"type":"response.completed","data":{"id":"resp_1"}}` as Python's `gzip.compress(…, mtime=0)` packs it,
/// in base64.
const PLAIN: &str = r#"{"type":"response.completed","data":{"id":"resp_1"}}"#;
const PACKED: &str =
    "H4sIAAAAAAACA6tWKqksSFWyUipKLS7IzytO1UvOzy3ISS1JTVHSUUpJLElUsqpWykyBqog3VKqtBQCkXbUiNAAAAA==";

/// The header in which the servers of these tests tell the code of a rejection, which they learn in a layer
/// outside.
pub(crate) const CODE: &str = "x-rejection-code";

/// What every server of these tests answers to a call that verified.
pub(crate) fn report(webhook: &Webhook) -> String {
    let Webhook { received, body } = webhook;
    let (id, secret, kind) = (&received.webhook_id, received.secret_index, &received.event.event_type);
    format!("{id} {secret} {kind} {}", body.len())
}

/// The receiver that every server of these tests uses: two secrets, as in the middle of a rotation.
pub(crate) fn receiver() -> Receiver {
    let verifier = Verifier::new([secret(1), secret(2)]);
    Receiver::new(Arc::new(verifier)).with_max_body_bytes(MAX_BODY_BYTES).with_clock(|| NOW)
}

/// Sends every call of the table to the server and compares what it says.
pub(crate) fn check(server: SocketAddr) {
    for (name, call, secret_index) in accepted() {
        let answer = call.send(server);
        assert_eq!((answer.status, answer.header(CODE)), (200, None), "{name}: {answer:?}");
        let start = format!("wh_1 {secret_index} response.completed ");
        assert!(answer.body.starts_with(&start), "{name}: {answer:?}");
    }
    for (name, call, status, code) in rejected() {
        let answer = call.send(server);
        assert_eq!((answer.status, answer.header(CODE)), (status, Some(code)), "{name}: {answer:?}");
        let public = match status {
            400 => "bad_request",
            401 => "unauthorized",
            413 => "payload_too_large",
            _ => "unsupported_media_type",
        };
        assert_eq!(answer.body, format!(r#"{{"error":"{public}"}}"#), "{name}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{name}");
    }
}

/// A call that verifies, for tests that are not about verifying.
pub(crate) fn good() -> Call {
    signed(EVENT)
}

/// A call whose signature is that of a stranger, and the rejection it must meet.
pub(crate) fn forged() -> (Call, u16, &'static str) {
    (Call::signed(&secret(3), NOW, EVENT), 401, "signature_mismatch")
}

/// Whether `rejection` is of the kind that a layer outside would log, for tests of that way.
pub(crate) fn code_of(rejection: Option<&Rejection>) -> Option<&'static str> {
    rejection.map(Rejection::code)
}

fn secret(byte: u8) -> SigningSecret {
    SigningSecret::from_key_bytes(&[byte; 32]).unwrap()
}

fn signed(body: impl Into<Vec<u8>>) -> Call {
    Call::signed(&secret(1), NOW, body)
}

fn sent(seconds_from_now: i64) -> Call {
    Call::signed(&secret(1), UnixSeconds(NOW.0 + seconds_from_now), EVENT)
}

/// An event of exactly so many bytes.
fn sized(bytes: usize) -> String {
    let around = r#"{"type":"response.completed","data":{"x":""}}"#.len();
    format!(r#"{{"type":"response.completed","data":{{"x":"{}"}}}}"#, "x".repeat(bytes - around))
}

/// Name, call, and which of the secrets it was signed with.
fn accepted() -> Vec<(&'static str, Call, usize)> {
    vec![
        ("as OpenAI sends it", good(), 0),
        ("signed with the other secret", Call::signed(&secret(2), NOW, EVENT), 1),
        ("in chunks", good().chunked(), 0),
        ("without a content type", good().without("content-type"), 0),
        (
            "with a charset",
            good().without("content-type").with("content-type", "application/json; charset=utf-8"),
            0,
        ),
        ("at the end of the tolerance", sent(-300), 0),
        ("at its other end", sent(300), 0),
        ("as large as allowed", signed(sized(MAX_BODY_BYTES)), 0),
        ("as large as allowed, in chunks", signed(sized(MAX_BODY_BYTES)).chunked(), 0),
        ("a repeated header of one value", good().with("webhook-id", "wh_1"), 0),
    ]
}

/// Name, call, status and code.
fn rejected() -> Vec<(&'static str, Call, u16, &'static str)> {
    [too_large(), unsigned(), late(), of_another_kind()].into_iter().flatten().collect()
}

fn too_large() -> Vec<(&'static str, Call, u16, &'static str)> {
    let over = || signed(sized(MAX_BODY_BYTES + 1));
    vec![
        ("a byte too large", over(), 413, "body_too_large"),
        (
            "too large, and only announced: nothing is waited for",
            over().announced_only(),
            413,
            "body_too_large",
        ),
        ("too large in chunks, without an end", over().chunked_without_end(), 413, "body_too_large"),
        ("too large comes before unsigned", over().without("webhook-id"), 413, "body_too_large"),
    ]
}

fn unsigned() -> Vec<(&'static str, Call, u16, &'static str)> {
    let (stranger, status, code) = forged();
    let altered = EVENT.replace("resp_1", "resp_2");
    vec![
        ("without webhook-id", good().without("webhook-id"), 401, "missing_header"),
        ("without webhook-timestamp", good().without("webhook-timestamp"), 401, "missing_header"),
        ("without webhook-signature", good().without("webhook-signature"), 401, "missing_header"),
        ("two ids", good().with("webhook-id", "wh_2"), 400, "ambiguous_header"),
        (
            "no number of seconds",
            good().without("webhook-timestamp").with("webhook-timestamp", "now"),
            400,
            "malformed_timestamp",
        ),
        (
            "no v1 signature",
            good().without("webhook-signature").with("webhook-signature", "v2,AAAA"),
            401,
            "unusable_signature",
        ),
        ("signed by a stranger", stranger, status, code),
        ("another body than was signed", good().with_body(altered), 401, "signature_mismatch"),
        ("a body written again", good().with_body(EVENT.replace(',', ", ")), 401, "signature_mismatch"),
    ]
}

fn late() -> Vec<(&'static str, Call, u16, &'static str)> {
    vec![
        ("a second too old", sent(-301), 401, "timestamp_too_old"),
        ("a second too new", sent(301), 401, "timestamp_too_new"),
    ]
}

fn of_another_kind() -> Vec<(&'static str, Call, u16, &'static str)> {
    let packed = || STANDARD.decode(PACKED).unwrap();
    let text = |call: Call| call.without("content-type").with("content-type", "text/plain");
    vec![
        ("not JSON", signed("hello"), 400, "not_json"),
        ("empty", signed(""), 400, "not_json"),
        ("JSON, and no event", signed("{}"), 400, "missing_type"),
        ("not UTF-8", signed(b"\"\xff\""), 400, "body_not_utf8"),
        ("an event that calls itself text", text(good()), 415, "unsupported_content_type"),
        ("text that calls itself text", text(signed("hello")), 415, "unsupported_content_type"),
        ("forged text learns nothing of types", text(forged().0), 401, "signature_mismatch"),
        (
            "packed and signed packed",
            signed(packed()).with("content-encoding", "gzip"),
            415,
            "unsupported_content_encoding",
        ),
        ("packed without saying so", signed(packed()), 400, "body_not_utf8"),
        (
            "signed, then packed on the way",
            signed(PLAIN).with_body(packed()).with("content-encoding", "gzip"),
            401,
            "signature_mismatch",
        ),
    ]
}
