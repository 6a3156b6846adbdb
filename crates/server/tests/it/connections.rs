//! What comes before any request: limits of connections and heads, and the end of them all.

use std::time::Duration;

use crate::client::Client;
use crate::world::{EVENT, NOW, World, signed};

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let world = World::start().await;
    let source = world.source().await;
    let mut client = world.connect().await;
    for n in 0..50 {
        let headers = signed(&format!("wh_{n}"), NOW, EVENT);
        let answer = client.request("POST", &source.path, &headers.borrowed(), EVENT).await;
        assert_eq!(answer.ok()["status"], "accepted");
    }
}

#[tokio::test]
async fn heads_have_a_size_a_number_of_fields_and_a_time() {
    let world = World::with(|settings| {
        settings.max_header_bytes = 0;
        settings.max_headers = 20;
        settings.head_timeout = Duration::from_millis(150);
    })
    .await;
    let large = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nlarge: {}\r\n\r\n", "x".repeat(9000));
    let many = format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(20));
    let fitting = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nlarge: {}\r\n\r\n", "x".repeat(8000));
    for (head, status) in [(large, 431), (many, 431), (fitting, 200), ("nonsense\r\n\r\n".to_owned(), 400)] {
        let mut client = world.connect().await;
        client.write(head.as_bytes()).await;
        assert_eq!(client.answer().await.unwrap().status, status);
    }
    let mut client = world.connect().await;
    client.write(b"GET /healthz HT").await;
    assert!(
        client.answer().await.is_none_or(|answer| answer.status == 408),
        "a slow head ends the connection"
    );
}

#[tokio::test]
async fn what_is_no_request_is_answered_in_the_envelope_and_ends_the_connection() {
    let world = World::with(|settings| {
        settings.max_header_bytes = 128 * 1024;
        settings.max_headers = 20;
    })
    .await;
    let many = format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(20));
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(70_000));
    for (bytes, status, code) in [
        ("nonsense\r\n\r\n", 400, "malformed_request"),
        ("GET /healthz HTTP/3.7\r\n\r\n", 400, "malformed_request"),
        ("\0\0\0\0\0\0\0\0\r\n\r\n", 400, "malformed_request"),
        (long.as_str(), 414, "uri_too_long"),
        (many.as_str(), 431, "headers_too_large"),
    ] {
        // On a fresh connection, after a request, and on the heels of one.
        for requests_before in 0..3 {
            let mut client = world.connect().await;
            if requests_before == 1 {
                assert_eq!(client.request("GET", "/healthz", &[], b"").await.status, 200);
            } else if requests_before == 2 {
                client.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
            }
            client.write(bytes.as_bytes()).await;
            if requests_before == 2 {
                assert_eq!(client.answer().await.unwrap().status, 200);
            }
            let answer = client.answer().await.expect("an answer");
            assert_eq!(answer.error(), (status, code.to_owned()), "{bytes:.40}");
            assert_eq!(answer.header("connection"), Some("close"));
            assert!(client.answer().await.is_none(), "nothing comes after it");
        }
    }
}

#[tokio::test]
async fn what_exceeds_the_connections_waits_until_one_ends() {
    let world = World::with(|settings| settings.max_connections = 1).await;
    let mut first = world.connect().await;
    assert_eq!(first.request("GET", "/healthz", &[], b"").await.status, 200);
    let mut second = world.connect().await;
    second.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let waiting = tokio::time::timeout(Duration::from_millis(100), second.answer()).await;
    assert!(waiting.is_err(), "there is no place yet");
    drop(first);
    assert_eq!(second.answer().await.unwrap().status, 200);
}

#[tokio::test]
async fn shutdown_closes_idle_connections_and_lets_a_request_finish() {
    let world = World::start().await;
    let source = world.source().await;
    let address = world.address;
    let mut idle = world.connect().await;
    assert_eq!(idle.request("GET", "/healthz", &[], b"").await.status, 200);
    let mut busy = world.connect().await;
    begin_call(&mut busy, &source.path).await;

    let (server, _folder) = world.stop();
    assert!(idle.answer().await.is_none(), "an idle connection is closed");
    #[expect(clippy::disallowed_methods, reason = "a test calls its own server")]
    let refused = tokio::net::TcpStream::connect(address).await;
    assert!(refused.is_err(), "nothing is accepted any more");
    busy.write(&EVENT[1..]).await;
    let answer = busy.answer().await.unwrap();
    assert_eq!(
        (answer.ok()["status"].as_str(), answer.header("connection")),
        (Some("accepted"), Some("close"))
    );
    server.await.unwrap();
}

#[tokio::test]
async fn shutdown_cuts_off_what_does_not_finish() {
    let world = World::with(|settings| settings.shutdown_grace = Duration::from_millis(100)).await;
    let source = world.source().await;
    let mut busy = world.connect().await;
    begin_call(&mut busy, &source.path).await;
    let (server, _folder) = world.stop();
    assert!(busy.answer().await.is_none());
    server.await.unwrap();
}

/// Sends a call up to the first byte of its body, and waits until the server reads that.
async fn begin_call(client: &mut Client, path: &str) {
    let mut head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {}\r\n",
        EVENT.len()
    );
    for (name, value) in signed("wh_1", NOW, EVENT).borrowed() {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    client.write(format!("{head}\r\n").as_bytes()).await;
    assert_eq!(client.answer().await.unwrap().status, 100);
    client.write(&EVENT[..1]).await;
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let world = World::start().await;
    let body = vec![b'x'; 512 * 1024];
    for (path, expected) in [("/in/unknown", 404), ("/v1/webhook_sources", 401)] {
        let mut client = world.connect().await;
        for _ in 0..2 {
            let answer = client.request("POST", path, &[], &body).await;
            assert_eq!(answer.error().0, expected, "and the connection lives on");
        }
    }
}
