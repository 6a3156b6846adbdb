//! A call with everything wrong is answered by the first thing; put that right, and it is the next.

use crate::world::{EVENT, NOW, World, signed};

#[tokio::test]
async fn faults_are_told_in_the_documented_order() {
    let world = World::with(|settings| settings.max_body_bytes = EVENT.len()).await;
    let source = world.source().await;
    let mut client = world.connect().await;
    let bad_body = vec![b'x'; EVENT.len()];
    let too_large = format!("{}", EVENT.len() + 1);
    let old = NOW - 301;

    // Wrong: token, method, size, headers, signature, timestamp, content.
    let answer = client.request("PUT", "/in/unknown", &[("webhook-id", "a b")], &bad_body).await;
    assert_eq!(answer.error().0, 404);
    let answer = client.request("PUT", &source.path, &[("webhook-id", "a b")], &bad_body).await;
    assert_eq!(answer.error().0, 405);
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\nwebhook-id: a b\r\nexpect: 100-continue\r\ncontent-length: {too_large}\r\n\r\n",
        source.path
    );
    client.write(head.as_bytes()).await;
    assert_eq!(client.answer().await.unwrap().error().0, 413);

    let unsigned = signed("wh_1", old, EVENT).set("content-type", Some("text/plain"));
    for (headers, body, expected) in [
        (unsigned.clone().set("webhook-id", Some("a b")), &bad_body[..], "malformed_header"),
        (unsigned.clone().set("webhook-id", None), &bad_body, "missing_header"),
        (unsigned, &bad_body, "signature_mismatch"),
        (
            signed("wh_1", old, &bad_body).set("content-type", Some("text/plain")),
            &bad_body,
            "timestamp_too_old",
        ),
        (
            signed("wh_1", NOW, &bad_body).set("content-type", Some("text/plain")),
            &bad_body,
            "unsupported_content_type",
        ),
        (signed("wh_1", NOW, &bad_body), &bad_body, "not_json"),
    ] {
        let answer = world.call(&source.path, &headers.borrowed(), body).await;
        assert_eq!(answer.error().1, expected);
    }
    assert_eq!(world.signed_call(&source, "wh_1", EVENT).await.ok()["status"], "accepted");
}
