//! The ingest URL: what each call is answered.

use std::time::Duration;

use serde_json::json;

use crate::world::{EVENT, NOW, Signed, Source, World, signed};

async fn answer_to(world: &World, source: &Source, headers: &Signed, body: &[u8]) -> (u16, String) {
    world.call(&source.path, &headers.borrowed(), body).await.error()
}

#[tokio::test]
async fn a_signed_call_is_accepted_once_and_a_duplicate_after() {
    let world = World::start().await;
    let source = world.source().await;
    let first = world.signed_call(&source, "wh_1", EVENT).await.ok();
    assert_eq!((&first["object"], &first["status"]), (&json!("webhook_receipt"), &json!("accepted")));
    assert!(first["event_id"].as_str().unwrap().starts_with("whev_"));
    let expected = json!({"object": "webhook_receipt", "status": "duplicate", "event_id": first["event_id"]});
    assert_eq!(world.signed_call(&source, "wh_1", EVENT).await.ok(), expected);
    // Other bytes under the same id are a duplicate to the sender, too.
    assert_eq!(world.signed_call(&source, "wh_1", br#"{"type":"a.b"}"#).await.ok(), expected);
    assert_eq!(world.get("/v1/webhook_events").await.ok()["data"].as_array().unwrap().len(), 1);
    // Another source's ids are its own.
    let other = world.source().await;
    assert_eq!(world.signed_call(&other, "wh_1", EVENT).await.ok()["status"], "accepted");
}

#[tokio::test]
async fn unknown_archived_and_deleted_sources_are_all_404() {
    let world = World::start().await;
    let source = world.source().await;
    let path = format!("/v1/webhook_sources/{}", source.id);
    let mut client = world.connect().await;
    for unknown in ["/in/x", "/in/%ff", "/in/%2e%2e"] {
        assert_eq!(client.request("POST", unknown, &[], EVENT).await.error(), (404, "not_found".to_owned()));
    }
    world.post(&path, &json!({"status": "archived"})).await.ok();
    assert_eq!(world.signed_call(&source, "wh_1", EVENT).await.error(), (404, "not_found".to_owned()));
    world.post(&path, &json!({"status": "active"})).await.ok();
    assert_eq!(world.signed_call(&source, "wh_1", EVENT).await.status, 200);
    world.api("DELETE", &path, "").await.ok();
    assert_eq!(world.signed_call(&source, "wh_2", EVENT).await.error(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn only_post_is_taken() {
    let world = World::start().await;
    let source = world.source().await;
    let mut client = world.connect().await;
    for method in ["GET", "PUT", "OPTIONS", "DELETE", "ODD"] {
        let answer = client.request(method, &source.path, &[], b"").await;
        assert_eq!(answer.error(), (405, "method_not_allowed".to_owned()), "{method}");
        assert_eq!(answer.header("allow"), Some("POST"), "{method}");
    }
}

#[tokio::test]
async fn headers_are_400_when_malformed_and_401_when_missing() {
    let world = World::start().await;
    let source = world.source().await;
    let right = || signed("wh_1", NOW, EVENT);
    let long = "x".repeat(256);
    for (headers, expected) in [
        (right().set("webhook-id", None), (401, "missing_header")),
        (right().set("webhook-timestamp", None), (401, "missing_header")),
        (right().set("webhook-signature", None), (401, "missing_header")),
        (right().set("webhook-id", Some("")), (401, "missing_header")),
        (right().set("webhook-id", Some("wh 1")), (400, "malformed_header")),
        (right().set("webhook-id", Some("wh_é")), (400, "malformed_header")),
        (right().set("webhook-id", Some(&long)), (400, "malformed_header")),
        (right().set("webhook-timestamp", Some("1.5")), (400, "malformed_timestamp")),
        (right().set("webhook-timestamp", Some("-1")), (400, "malformed_timestamp")),
        (right().set("webhook-timestamp", Some("175028707é")), (400, "malformed_timestamp")),
        (right().set("webhook-signature", Some("v1,é")), (401, "unusable_signature")),
        (right().add("webhook-id", "wh_2"), (400, "ambiguous_header")),
        (right().add("webhook-timestamp", "1"), (400, "ambiguous_header")),
        (right().set("webhook-signature", Some("v1a,xx")), (401, "unusable_signature")),
    ] {
        let (status, code) = answer_to(&world, &source, &headers, EVENT).await;
        assert_eq!((status, code.as_str()), expected, "{:?}", headers.0);
    }
    let twice = right().add("webhook-id", "wh_1");
    assert_eq!(world.call(&source.path, &twice.borrowed(), EVENT).await.status, 200);
}

#[tokio::test]
async fn a_wrong_signature_is_401_and_keeps_nothing() {
    let world = World::start().await;
    let source = world.source().await;
    let headers = signed("wh_1", NOW, EVENT);
    let (status, code) = answer_to(&world, &source, &headers, b"{}").await;
    assert_eq!((status, code.as_str()), (401, "signature_mismatch"));
    assert_eq!(world.get("/v1/webhook_events").await.ok()["data"], json!([]));
}

#[tokio::test]
async fn the_window_is_300_seconds_both_ways() {
    let world = World::start().await;
    let source = world.source().await;
    for (n, (offset, expected)) in
        [(-301, "timestamp_too_old"), (-300, "ok"), (300, "ok"), (301, "timestamp_too_new")]
            .into_iter()
            .enumerate()
    {
        let headers = signed(&format!("wh_{n}"), NOW + offset, EVENT);
        let answer = world.call(&source.path, &headers.borrowed(), EVENT).await;
        if expected == "ok" {
            assert_eq!(answer.status, 200, "{offset}");
        } else {
            assert_eq!(answer.error(), (401, expected.to_owned()), "{offset}");
            assert!(answer.message().contains("301 s") && answer.message().contains("clock"));
        }
    }
}

#[tokio::test]
async fn content_is_judged_when_the_sender_is_known() {
    let world = World::start().await;
    let source = world.source().await;
    let right = |body: &[u8]| signed("wh_1", NOW, body);
    for (headers, body, expected) in [
        (right(EVENT).set("content-type", Some("text/plain")), EVENT, (415, "unsupported_content_type")),
        (right(EVENT).add("content-encoding", "gzip"), EVENT, (415, "unsupported_content_encoding")),
        (right(b"\xff"), b"\xff", (400, "body_not_utf8")),
        (right(b"{"), b"{", (400, "not_json")),
        (right(b""), b"", (400, "not_json")),
        (right(b"[]"), b"[]", (400, "not_an_object")),
        (right(b"{}"), b"{}", (400, "missing_type")),
        (right(br#"{"type":"x"}"#), br#"{"type":"x"}"#, (400, "malformed_type")),
    ] {
        let (status, code) = answer_to(&world, &source, &headers, body).await;
        assert_eq!((status, code.as_str()), expected, "{}", String::from_utf8_lossy(body));
    }
    for (n, kind) in
        [Some("application/json; charset=utf-8"), Some("application/x+JSON"), None].iter().enumerate()
    {
        let headers = signed(&format!("wh_ok_{n}"), NOW, EVENT).set("content-type", *kind);
        assert_eq!(world.call(&source.path, &headers.borrowed(), EVENT).await.status, 200, "{kind:?}");
    }
}

#[tokio::test]
async fn ids_that_cannot_be_indexed_are_left_out_and_the_call_is_kept() {
    let world = World::start().await;
    let source = world.source().await;
    let body = json!({"type": "a.b", "id": "evt 1", "data": {"id": "x".repeat(256)}}).to_string();
    let receipt = world.signed_call(&source, "wh_1", body.as_bytes()).await.ok();
    let event =
        world.get(&format!("/v1/webhook_events/{}", receipt["event_id"].as_str().unwrap())).await.ok();
    assert_eq!((&event["upstream_event_id"], &event["object_id"]), (&json!(null), &json!(null)));
}

#[tokio::test]
async fn a_source_without_its_secret_says_so() {
    let world = World::start().await;
    let created = world.post("/v1/webhook_sources", &json!({"name": "new"})).await.ok();
    let path = created["url"]
        .as_str()
        .unwrap()
        .rsplit_once("/in/")
        .map(|(_, token)| format!("/in/{token}"))
        .unwrap();
    let source = Source { id: created["id"].as_str().unwrap().to_owned(), path };
    let answer = world.signed_call(&source, "wh_1", EVENT).await;
    assert_eq!(answer.error(), (401, "source_unconfigured".to_owned()));
    // What would be wrong with any secret is told first.
    let headers = signed("wh_1", NOW, EVENT).set("webhook-id", None);
    assert_eq!(answer_to(&world, &source, &headers, EVENT).await, (401, "missing_header".to_owned()));
}

#[tokio::test]
async fn bodies_have_a_size_and_a_time() {
    let world = World::with(|settings| {
        settings.max_body_bytes = 1000;
        settings.body_timeout = Duration::from_millis(150);
    })
    .await;
    let source = world.source().await;
    let start = |rest: &str| format!("POST {} HTTP/1.1\r\nhost: x\r\n{rest}", source.path).into_bytes();

    // Announced too large: answered before a byte of it is sent.
    let mut client = world.connect().await;
    client.write(&start("expect: 100-continue\r\ncontent-length: 1001\r\n\r\n")).await;
    assert_eq!(client.answer().await.unwrap().error(), (413, "body_too_large".to_owned()));

    // Grown too large without having said so.
    let mut client = world.connect().await;
    client
        .write(&start(&format!("transfer-encoding: chunked\r\n\r\n3e9\r\n{}\r\n0\r\n\r\n", "x".repeat(1001))))
        .await;
    assert_eq!(client.answer().await.unwrap().error(), (413, "body_too_large".to_owned()));

    // As large as is allowed: judged by its content.
    let body = [b' '; 1000];
    assert_eq!(world.signed_call(&source, "wh_1", &body).await.error(), (400, "not_json".to_owned()));

    let mut client = world.connect().await;
    client.write(&start("content-length: 10\r\n\r\nhalf")).await;
    assert_eq!(client.answer().await.unwrap().error(), (408, "body_timeout".to_owned()));

    let mut client = world.connect().await;
    client.write(&start("content-length: 10\r\n\r\nhalf")).await;
    client.close_writing().await;
    assert_eq!(client.answer().await.map(|answer| answer.error()), Some((400, "body_incomplete".to_owned())));
}

#[tokio::test]
async fn a_call_that_waits_for_100_continue_is_told_to_go_on() {
    let world = World::start().await;
    let source = world.source().await;
    let headers = signed("wh_1", NOW, EVENT).add("expect", "100-continue");
    let mut head = format!("POST {} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n", source.path, EVENT.len());
    for (name, value) in headers.borrowed() {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut client = world.connect().await;
    client.write(format!("{head}\r\n").as_bytes()).await;
    assert_eq!(client.answer().await.unwrap().status, 100);
    client.write(EVENT).await;
    assert_eq!(client.answer().await.unwrap().ok()["status"], "accepted");
}

#[tokio::test]
async fn what_cannot_be_stored_or_held_is_503_with_a_time_to_come_back() {
    let world = World::with(|settings| {
        settings.max_body_bytes = 2048;
        settings.max_batch_bytes = 2048;
        settings.max_ingest_bytes = 2048;
    })
    .await;
    let source = world.source().await;
    // One call that takes its time holds all the room there is.
    let mut slow = world.connect().await;
    slow.write(
        format!("POST {} HTTP/1.1\r\nhost: x\r\ncontent-length: 2048\r\n\r\n ", source.path).as_bytes(),
    )
    .await;
    let mut refused = world.signed_call(&source, "wh_1", EVENT).await;
    for _ in 0..200 {
        // The slow call may not have been looked at yet.
        if refused.status == 503 {
            break;
        }
        refused = world.signed_call(&source, "wh_1", EVENT).await;
    }
    assert_eq!(refused.error(), (503, "overloaded".to_owned()));
    assert_eq!(refused.header("retry-after"), Some("5"));
    drop(slow);
    let mut accepted = refused;
    for _ in 0..200 {
        // Nor does it learn at once that the slow caller is gone.
        accepted = world.signed_call(&source, "wh_1", EVENT).await;
        if accepted.status == 200 {
            break;
        }
    }
    assert_eq!(accepted.ok()["status"], "accepted");

    ringback_store::Store::close(&*world.store).await;
    let answer = world.signed_call(&source, "wh_2", EVENT).await;
    assert_eq!(answer.error(), (503, "shutting_down".to_owned()));
    assert_eq!(answer.header("retry-after"), Some("5"));
}

#[tokio::test]
async fn a_source_whose_calls_take_their_share_of_memory_leaves_the_rest_to_others() {
    let world = World::with(|settings| {
        settings.max_body_bytes = 2048;
        settings.max_ingest_bytes_per_source = 2048;
    })
    .await;
    let (flooding, other) = (world.source().await, world.source().await);
    let mut slow = world.connect().await;
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2048\r\n\r\n",
        flooding.path
    );
    slow.write(head.as_bytes()).await;
    assert_eq!(slow.answer().await.unwrap().status, 100, "it is being read");

    let refused = world.signed_call(&flooding, "wh_1", EVENT).await;
    assert_eq!(refused.error(), (503, "source_overloaded".to_owned()));
    assert_eq!(refused.header("retry-after"), Some("5"));
    assert_eq!(world.signed_call(&other, "wh_1", EVENT).await.ok()["status"], "accepted");
}
