//! Any bytes on a connection to the real server, from a correctly signed call to noise.
//!
//! What holds: the server answers in whole HTTP, with a status that is documented, or closes; an error is in
//! the one envelope; a call that was answered 200 is an event in the store, and one that is new there has the
//! very bytes that were signed; nothing that is sent back holds the secret.

#![no_main]

use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;

use libfuzzer_sys::fuzz_target;
use ringback_fuzz::answers::{self, Answer};
use ringback_fuzz::reference;
use ringback_fuzz::script::{self, Script};
use ringback_fuzz::server::{KEY, Server};
use ringback_webhook::SigningSecret;
use serde_json::Value;

/// Every status that `docs/API.md` has for requests without a key, those that the HTTP implementation gives
/// by itself, and 100 for whoever expects it. Not 408: nothing here is slow.
const DOCUMENTED: [u16; 11] = [100, 200, 400, 401, 404, 405, 413, 414, 415, 431, 503];

/// A call that is right in every respect.
const RIGHT: &[u8] =
    b"POST /in/{token} HTTP/1.1\r\nhost: fuzz\r\nwebhook-id: {fresh}\r\nwebhook-timestamp: {now}\r\n\
    webhook-signature: v1,{signature}\r\ncontent-length: {length}\r\n\r\n{\"type\":\"a.b\"}";

static SERVER: OnceLock<Server> = OnceLock::new();
static USED_IDS: AtomicU64 = AtomicU64::new(0);

fuzz_target!(init: check_the_harness(), |input: &[u8]| {
    let script = script::expand(input, &USED_IDS);
    check(&script);
});

/// Without this, a mistake in the harness could make every call a refused one, and no invariant would ever be
/// tried.
fn check_the_harness() {
    let statuses = |input: &[u8]| {
        check(&script::expand(input, &USED_IDS)).iter().map(|answer| answer.status).collect::<Vec<_>>()
    };
    assert_eq!(statuses(RIGHT).first(), Some(&200), "a right call is not accepted");
    let wrong = script::replace(RIGHT, b"{signature}", reference::signature(b"no", b"", b"", b"").as_bytes());
    assert_eq!(statuses(&wrong).first(), Some(&401), "a wrong call is not refused");
}

fn check(script: &Script) -> Vec<Answer> {
    let server = SERVER.get_or_init(Server::start);
    let reply = server.exchange(&script.wire);
    let secret = SigningSecret::from_key_bytes(&KEY).expect("32 bytes are a key").reveal();
    assert!(!reference::contains(&reply, secret.as_bytes()), "an answer holds the secret");
    let answers = answers::read(&reply);
    for answer in &answers {
        assert!(DOCUMENTED.contains(&answer.status), "an answer {} is not documented", answer.status);
        match answer.status {
            200 => check_accepted(server, script, answer),
            400.. => check_error(answer),
            _ => {}
        }
    }
    answers
}

fn check_accepted(server: &Server, script: &Script, answer: &Answer) {
    if answer.body.is_empty() {
        return; // The answer to a `HEAD`, which no ingest URL takes.
    }
    let body: Value = serde_json::from_slice(&answer.body).expect("an answer 200 is JSON");
    if body["object"] != "webhook_receipt" {
        assert!(matches!(body["status"].as_str(), Some("ok" | "ready")), "a 200 that is of no kind: {body}");
        return;
    }
    let id = body["event_id"].as_str().and_then(|id| id.parse().ok()).expect("a receipt names its event");
    let payload = server.payload(id);
    match body["status"].as_str() {
        Some("accepted") => assert!(script.bodies.contains(&payload), "stored other bytes than were signed"),
        status => assert_eq!(status, Some("duplicate")),
    }
}

/// What is refused before it is a request has no body; everything else has the envelope and the request's id.
fn check_error(answer: &Answer) {
    if answer.body.is_empty() {
        return;
    }
    let body: Value = serde_json::from_slice(&answer.body).expect("an error is JSON");
    let error = &body["error"];
    assert!(
        error["code"].is_string() && error["message"].is_string(),
        "an error without its envelope: {body}"
    );
    assert!(reference::first(&answer.headers, "x-request-id").starts_with(b"req_"));
}
