//! Calls as the Internet makes them: broken, crooked, slow, huge, and a hundred at once.
//!
//! Whatever comes, the server answers with the documented status or closes the connection, keeps nothing it
//! should not, and goes on serving: each test ends with a call that is right.

use std::time::Duration;

use ringback_webhook::{SigningSecret, sign};
use serde_json::json;

use crate::client::Answer;
use crate::world::{EVENT, NOW, Signed, Source, World, signed};

/// Sends these bytes on a connection of their own, then reads one answer, if there is one.
async fn raw(world: &World, bytes: &[u8]) -> Option<Answer> {
    let mut client = world.connect().await;
    client.write(bytes).await;
    client.answer().await
}

/// The head of a right call, with more header lines.
fn head(source: &Source, headers: &Signed, more: &str) -> Vec<u8> {
    let mut head = format!("POST {} HTTP/1.1\r\nhost: x\r\n{more}", source.path);
    for (name, value) in headers.borrowed() {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// A world that does not wait long for what is not coming.
async fn impatient() -> World {
    World::with(|settings| {
        settings.body_timeout = Duration::from_millis(300);
        settings.head_timeout = Duration::from_millis(300);
    })
    .await
}

async fn events(world: &World) -> usize {
    world.get("/v1/webhook_events?limit=100").await.ok()["data"].as_array().unwrap().len()
}

/// A right call is still served, and is the only event there is beside `others`.
async fn still_serves(world: &World, source: &Source, others: usize) {
    assert_eq!(world.signed_call(source, "wh_still_serves", EVENT).await.ok()["status"], "accepted");
    assert_eq!(events(world).await, others + 1);
}

#[tokio::test]
async fn headers_that_http_forbids_end_in_400() {
    let world = impatient().await;
    let source = world.source().await;
    for line in [
        // folded over two lines, as HTTP once allowed
        "webhook-id: wh_1\r\n wh_2\r\n",
        "webhook-id: wh\0_1\r\n",
        "webhook-id: wh\x07_1\r\n",
        "webhook-id: wh\x7f_1\r\n",
        "webhook id: wh_1\r\n",
        ": wh_1\r\n",
        "webhook-id\r\n",
        "content-length: -1\r\n",
        "content-length: 1\r\ncontent-length: 2\r\n",
        "content-length: 99999999999999999999\r\n",
    ] {
        let headers = signed("wh_1", NOW, EVENT).set("webhook-id", None);
        let bytes = [head(&source, &headers, line), EVENT.to_vec()].concat();
        let answer = raw(&world, &bytes).await.unwrap_or_else(|| panic!("no answer to {line:?}"));
        assert_eq!(answer.error(), (400, "malformed_request".to_owned()), "{line:?}");
    }
    still_serves(&world, &source, 0).await;
}

#[tokio::test]
async fn a_call_whose_length_can_be_read_two_ways_is_not_taken_both_ways() {
    let world = impatient().await;
    let source = world.source().await;
    let headers = signed("wh_1", NOW, EVENT);
    // Smuggling: what one reader takes for the body another would take for the next request.
    let both = format!("content-length: {}\r\ntransfer-encoding: chunked\r\n", EVENT.len());
    let mut bytes = head(&source, &headers, &both);
    bytes.extend_from_slice(b"0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
    let mut client = world.connect().await;
    client.write(&bytes).await;
    let first = client.answer().await.map(|answer| answer.status);
    assert!(matches!(first, None | Some(400 | 401)), "{first:?}");
    for coding in ["gzip", "identity, chunked", "chunked, gzip"] {
        let line = format!("transfer-encoding: {coding}\r\n");
        let answer = raw(&world, &head(&source, &headers, &line)).await.map(|answer| answer.status);
        assert!(answer.is_none_or(|status| (400..=501).contains(&status)), "{coding}: {answer:?}");
    }
    still_serves(&world, &source, 0).await;
}

#[tokio::test]
async fn absurd_timestamps_are_refused_by_form_or_by_age() {
    let world = World::start().await;
    let source = world.source().await;
    let digits = "9".repeat(400);
    for (timestamp, expected) in [
        ("", (401, "missing_header")),
        ("0", (401, "timestamp_too_old")),
        ("1750287078000", (401, "timestamp_too_new")),
        ("9223372036854775807", (401, "timestamp_too_new")),
        ("9223372036854775808", (400, "malformed_timestamp")),
        (digits.as_str(), (400, "malformed_timestamp")),
        ("-9223372036854775808", (400, "malformed_timestamp")),
        ("1e9", (400, "malformed_timestamp")),
        ("0x68534366", (400, "malformed_timestamp")),
        ("Infinity", (400, "malformed_timestamp")),
        ("NaN", (400, "malformed_timestamp")),
        ("1750287078 1750287078", (400, "malformed_timestamp")),
    ] {
        // Signed over this very text where that is possible, so that it is the time that is refused.
        let right = timestamp.parse().ok().filter(|at| *at >= 0).map_or_else(
            || signed("wh_1", NOW, EVENT).set("webhook-timestamp", Some(timestamp)),
            |at| signed("wh_1", at, EVENT),
        );
        let answer = world.call(&source.path, &right.borrowed(), EVENT).await;
        assert_eq!(answer.error(), (expected.0, expected.1.to_owned()), "{timestamp:?}");
    }
    still_serves(&world, &source, 0).await;
}

#[tokio::test]
async fn each_fault_of_a_signature_has_its_code() {
    let world = World::start().await;
    let source = world.source().await;
    let right = signed("wh_1", NOW, EVENT);
    let token = right.0.iter().find(|(name, _)| *name == "webhook-signature").unwrap().1.clone();
    let base64 = token.strip_prefix("v1,").unwrap();
    let other = SigningSecret::from_key_bytes(&[9; 32]).unwrap();
    let others = sign([&other], "wh_1", NOW.into(), EVENT).unwrap().webhook_signature;
    let many_wrong = format!("{} ", others.to_str().unwrap()).repeat(50);
    for (signature, expected) in [
        ("".to_owned(), "missing_header"),
        ("v1".to_owned(), "unusable_signature"),
        ("v1,".to_owned(), "unusable_signature"),
        (format!("v2,{base64}"), "unusable_signature"),
        (format!("V1,{base64}"), "unusable_signature"),
        (format!("v1={base64}"), "unusable_signature"),
        (format!("v1,{}", &base64[..40]), "unusable_signature"),
        (format!("v1,{}", base64.trim_end_matches('=')), "unusable_signature"),
        (format!("v1,{base64}=="), "unusable_signature"),
        (others.to_str().unwrap().to_owned(), "signature_mismatch"),
        (many_wrong.clone(), "signature_mismatch"),
    ] {
        let headers = right.clone().set("webhook-signature", Some(&signature));
        let answer = world.call(&source.path, &headers.borrowed(), EVENT).await;
        assert_eq!(answer.error(), (401, expected.to_owned()), "{signature}");
        assert!(!answer.message().contains(base64), "{}", answer.message());
    }
    let twice = right.clone().add("webhook-signature", others.to_str().unwrap());
    let answer = world.call(&source.path, &twice.borrowed(), EVENT).await;
    assert_eq!(answer.error(), (400, "ambiguous_header".to_owned()));
    // One that is right among many that are not is enough.
    let among = right.set("webhook-signature", Some(&format!("{many_wrong}{token}")));
    assert_eq!(world.call(&source.path, &among.borrowed(), EVENT).await.ok()["status"], "accepted");
    still_serves(&world, &source, 1).await;
}

#[tokio::test]
async fn bodies_may_come_in_pieces_and_calls_one_on_the_heels_of_another() {
    let world = World::start().await;
    let source = world.source().await;

    let mut chunked = head(&source, &signed("wh_chunked", NOW, EVENT), "transfer-encoding: chunked\r\n");
    for piece in EVENT.chunks(7) {
        chunked.extend_from_slice(format!("{:x};ext=1\r\n", piece.len()).as_bytes());
        chunked.extend_from_slice(piece);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\ntrailer: x\r\n\r\n");
    assert_eq!(raw(&world, &chunked).await.unwrap().ok()["status"], "accepted");

    // A byte at a time, head and body.
    let length = format!("content-length: {}\r\n", EVENT.len());
    let slow = [head(&source, &signed("wh_slow", NOW, EVENT), &length), EVENT.to_vec()].concat();
    let mut client = world.connect().await;
    for byte in slow {
        client.write(&[byte]).await;
    }
    assert_eq!(client.answer().await.unwrap().ok()["status"], "accepted");

    // Three calls and a refusal, all sent before the first is answered.
    let mut pipelined = Vec::new();
    for id in ["wh_a", "wh_b", "wh_c"] {
        pipelined.extend(head(&source, &signed(id, NOW, EVENT), &length));
        pipelined.extend_from_slice(EVENT);
    }
    pipelined.extend_from_slice(b"GET /in/unknown HTTP/1.1\r\nhost: x\r\n\r\n");
    let mut client = world.connect().await;
    client.write(&pipelined).await;
    for _ in 0..3 {
        assert_eq!(client.answer().await.unwrap().ok()["status"], "accepted");
    }
    assert_eq!(client.answer().await.unwrap().status, 404);

    // The sender closes its half and waits for the answer.
    let half = [head(&source, &signed("wh_half", NOW, EVENT), &length), EVENT.to_vec()].concat();
    let mut client = world.connect().await;
    client.write(&half).await;
    client.close_writing().await;
    let answer = client.answer().await.expect("a half-closed connection is still answered");
    assert_eq!(answer.ok()["status"], "accepted");
    still_serves(&world, &source, 6).await;
}

#[tokio::test]
async fn who_trickles_gains_no_time() {
    /// Far less than the time-outs, which are 300 ms.
    const PAUSE: Duration = Duration::from_millis(30);
    let world = impatient().await;
    let source = world.source().await;
    let right = head(&source, &signed("wh_1", NOW, EVENT), &format!("content-length: {}\r\n", EVENT.len()));
    for (at_once, expected) in [(0, None), (right.len(), Some((408, "body_timeout".to_owned())))] {
        let bytes = [right.as_slice(), EVENT].concat();
        let mut client = world.connect().await;
        client.write(&bytes[..at_once]).await;
        let begun = std::time::Instant::now();
        let mut answer = None;
        for byte in &bytes[at_once..] {
            // Once the server has closed, writing fails sooner or later.
            if !client.try_write(&[*byte]).await || begun.elapsed() > Duration::from_secs(5) {
                break;
            }
            if let Ok(ended) = tokio::time::timeout(PAUSE, client.answer()).await {
                answer = ended.map(|answer| answer.error());
                break;
            }
        }
        assert_eq!(answer, expected);
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    }
    still_serves(&world, &source, 0).await;
}

#[tokio::test]
async fn broken_bodies_keep_nothing() {
    let world = impatient().await;
    let source = world.source().await;
    let right = signed("wh_1", NOW, EVENT);
    for (line, body) in [
        ("transfer-encoding: chunked\r\n", &b"zz\r\n"[..]),
        ("transfer-encoding: chunked\r\n", b"5\r\nab"),
        ("transfer-encoding: chunked\r\n", b"ffffffffffffffffff\r\nx"),
        ("content-length: 200\r\n", EVENT),
    ] {
        let mut client = world.connect().await;
        client.write(&[head(&source, &right, line), body.to_vec()].concat()).await;
        client.close_writing().await;
        let answer = client.answer().await.map(|answer| answer.status);
        assert!(matches!(answer, None | Some(400)), "{line:?}: {answer:?}");
    }
    // No body at all is signed over nothing, and is no event.
    let answer = raw(&world, &head(&source, &signed("wh_1", NOW, b""), "")).await.unwrap();
    assert_eq!(answer.error(), (400, "not_json".to_owned()));
    still_serves(&world, &source, 0).await;
}

#[tokio::test]
async fn deep_wide_and_odd_json_is_judged_without_harm() {
    let world = World::start().await;
    let source = world.source().await;
    let deep = format!(r#"{{"type":"a.b","data":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let unclosed = format!(r#"{{"type":"a.b","data":{}"#, "[".repeat(500_000));
    let wide: String = (0..60_000).map(|n| format!(r#","k{n}":{n}"#)).collect();
    let wide = format!(r#"{{"type":"a.b"{wide}}}"#);
    let long_string = format!(r#"{{"type":"a.b","data":{{"id":"{}"}}}}"#, "x".repeat(500_000));
    let cases: [(&[u8], Option<&str>); 14] = [
        (deep.as_bytes(), None),
        (unclosed.as_bytes(), Some("not_json")),
        (wide.as_bytes(), None),
        (long_string.as_bytes(), None),
        (br#"{"type":"a.b","type":"c.d"}"#, None),
        (br#"{"type":"a.b","n":1e999999}"#, None),
        (br#"{"type":"a.b","s":"\ud800"}"#, None),
        (br#"{"type":"a.b","s":"\u0000"}"#, None),
        (br#"{"type":"a.b"} {}"#, Some("not_json")),
        (b"{\"type\":\"a.b\",\"s\":\"\0\"}", Some("not_json")),
        (b"\xef\xbb\xbf{\"type\":\"a.b\"}", Some("not_json")),
        (br#"{"type":"a.\u0062"}"#, None),
        (br#"{"type":null}"#, Some("type_not_a_string")),
        (b"{\"type\":\"a.b\xc3\x28\"}", Some("body_not_utf8")),
    ];
    let mut taken = 0;
    for (n, (body, expected)) in cases.into_iter().enumerate() {
        let answer = world.signed_call(&source, &format!("wh_{n}"), body).await;
        match expected {
            None => {
                assert_eq!(answer.ok()["status"], "accepted", "case {n}");
                // What was taken comes back byte for byte, and can be looked at.
                let path = format!("/v1/webhook_events/{}", answer.json()["event_id"].as_str().unwrap());
                assert!(world.get(&format!("{path}/payload")).await.body == body, "case {n}");
                assert_eq!(world.get(&path).await.status, 200, "case {n}");
                taken += 1;
            }
            Some(code) => assert_eq!(answer.error(), (400, code.to_owned()), "case {n}"),
        }
    }
    still_serves(&world, &source, taken).await;
}

#[tokio::test]
async fn a_hundred_copies_at_once_are_one_event_with_one_delivery() {
    let world = World::start().await;
    let source = world.source().await;
    let endpoint = json!({"name": "app", "url": "http://127.0.0.1:1/", "event_types": ["*"]});
    world.post("/v1/webhook_endpoints", &endpoint).await.ok();
    let answers =
        futures_util::future::join_all((0..100).map(|_| world.signed_call(&source, "wh_1", EVENT))).await;
    let accepted = answers.iter().filter(|answer| answer.ok()["status"] == "accepted").count();
    assert_eq!(accepted, 1);
    let ids: std::collections::BTreeSet<_> =
        answers.iter().map(|answer| answer.json()["event_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 1);
    let event = world.get(&format!("/v1/webhook_events/{}", ids.first().unwrap())).await.ok();
    assert_eq!(event["deliveries"].as_array().unwrap().len(), 1);
    assert_eq!(events(&world).await, 1);
    let receipts = world.get("/v1/webhook_receipts?limit=100").await.ok();
    assert_eq!(receipts["data"].as_array().unwrap().len(), 100);
}
