//! Receivers, and requests, that try to get more than an exchange out of the client.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use ringback_egress::{Client, ClientSettings, Policy, SendError, Stage};
use rustls::RootCertStore;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use crate::receiver::{AMPLE, Receiver, SHORT, call, client, post, read_request, settle};

#[tokio::test]
async fn what_frames_a_request_is_the_clients_alone() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let receiver = Receiver::start(move |_, mut stream| {
        let seen = seen.clone();
        async move {
            while let Some(request) = read_request(&mut stream).await {
                seen.send(String::from_utf8(request).unwrap()).unwrap();
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            }
        }
    })
    .await;
    let smuggled = "0\r\n\r\nPOST /admin HTTP/1.1\r\nhost: inside\r\n\r\n";
    let request = Request::post(receiver.url())
        .header("transfer-encoding", "chunked")
        .header("content-length", "4")
        .header("content-length", "5")
        .header("host", "inside.example")
        .header("connection", "close, x-kept")
        .header("keep-alive", "timeout=9")
        .header("proxy-authorization", "Basic c2VjcmV0")
        .header("proxy-connection", "keep-alive")
        .header("te", "trailers")
        .header("trailer", "x")
        .header("upgrade", "h2c")
        .header("http2-settings", "AAMAAABk")
        .header("expect", "100-continue")
        .header("x-kept", "1")
        .body(Bytes::from(smuggled))
        .unwrap();
    client(Policy::dev()).send(request, AMPLE).await.unwrap();
    let seen = requests.recv().await.unwrap();
    let (head, body) = seen.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, smuggled, "one request, with all of its body");
    let mut lines: Vec<&str> = head.split("\r\n").skip(1).collect();
    lines.sort_unstable();
    let length = format!("content-length: {}", smuggled.len());
    let host = format!("host: 127.0.0.1:{}", receiver.port());
    assert_eq!(lines, [length.as_str(), host.as_str(), "x-kept: 1"]);
    settle().await;
    assert!(requests.try_recv().is_err(), "nothing followed");
}

#[tokio::test]
async fn a_url_cannot_write_into_the_request() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let receiver = Receiver::start(move |_, mut stream| {
        let seen = seen.clone();
        async move {
            seen.send(String::from_utf8(read_request(&mut stream).await.unwrap()).unwrap()).unwrap();
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        }
    })
    .await;
    let base = format!("http://127.0.0.1:{}", receiver.port());
    for (path, sent) in [
        ("/%0d%0ax-injected:%201", "/%0d%0ax-injected:%201"),
        ("/?a=%0D%0A%0D%0APOST%20/", "/?a=%0D%0A%0D%0APOST%20/"),
        ("/a b HTTP/1.1", "/a%20b%20HTTP/1.1"),
        ("/../../x", "/x"),
    ] {
        let url = Policy::dev().check_url(&format!("{base}{path}")).unwrap();
        client(Policy::dev()).send(post(url.as_str()), AMPLE).await.unwrap();
        let request = requests.recv().await.unwrap();
        assert_eq!(request.lines().next().unwrap(), format!("POST {sent} HTTP/1.1"), "{path}");
        assert!(!request.contains("\r\nx-injected"), "{path}");
    }
    for injected in ["/\r\nx-injected: 1", "/\nx", "/\rx", "/\tx"] {
        let refusal = Policy::dev().check_url(&format!("{base}{injected}")).unwrap_err();
        assert_eq!(refusal.code(), "url_invalid", "{injected:?}");
    }
}

#[tokio::test]
async fn a_second_response_is_never_the_answer_to_the_next_call() {
    // Each connection answers its first call twice at once: the second would be taken for the next call's.
    let receiver = Receiver::start(|number, mut stream| async move {
        while read_request(&mut stream).await.is_some() {
            let own = format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{number:02}");
            let forged = "HTTP/1.1 500 Forged\r\ncontent-length: 6\r\n\r\nforged";
            if stream.write_all(format!("{own}{forged}").as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await;
    let client = client(Policy::dev());
    for number in 0..20 {
        let answer = client.send(post(&receiver.url()), AMPLE).await.unwrap();
        assert_eq!(
            (answer.status, &answer.body_start[..]),
            (StatusCode::OK, format!("{number:02}").as_bytes())
        );
    }
    assert_eq!(receiver.accepted(), 20, "a connection that said too much is not used again");
}

#[tokio::test]
async fn a_response_that_arrives_before_its_request_is_not_taken_for_the_next_ones() {
    let receiver = Receiver::start(|number, mut stream| async move {
        read_request(&mut stream).await;
        let own = format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{number}");
        stream.write_all(own.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
        let _ = stream.write_all(b"HTTP/1.1 500 Forged\r\ncontent-length: 6\r\n\r\nforged").await;
        while read_request(&mut stream).await.is_some() {}
    })
    .await;
    let client = client(Policy::dev());
    for number in 0..3 {
        let answer = client.send(post(&receiver.url()), AMPLE).await.unwrap();
        assert_eq!((answer.status, &answer.body_start[..]), (StatusCode::OK, number.to_string().as_bytes()));
        settle().await;
    }
}

#[tokio::test]
async fn two_lengths_or_a_length_and_chunks_do_not_confuse_where_a_response_ends() {
    for (head, expected) in [
        ("content-length: 2\r\ncontent-length: 20", None),
        ("content-length: 2, 20", None),
        ("content-length: -1", None),
        ("content-length: 2\r\ntransfer-encoding: chunked", Some("ok")),
    ] {
        let receiver =
            Receiver::answering_once(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n2\r\nok\r\n0\r\n\r\n")).await;
        match (call(&receiver, AMPLE).await, expected) {
            (Ok(answer), Some(body)) => assert_eq!(answer.body_start, body, "{head}"),
            (Err(SendError::Unreachable { reason }), None) => {
                assert_eq!(reason, "what came back is not an HTTP/1.1 response", "{head}");
            }
            other => panic!("{head}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn nothing_is_decompressed() {
    // A kibibyte of gzip that would become a mebibyte is a kibibyte here.
    let bomb = [[0x1f, 0x8b, 8, 0].as_slice(), &[0; 996]].concat();
    for encoding in ["gzip", "br", "deflate", "zstd", "gzip, gzip"] {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: 1000\r\n\r\n");
        let answer = call(&Receiver::answering([head.into_bytes(), bomb.clone()].concat()).await, AMPLE)
            .await
            .unwrap();
        assert!(answer.body_start == bomb, "{encoding}");
        assert_eq!(answer.headers["content-encoding"], encoding);
    }
}

#[tokio::test]
async fn an_upgrade_is_an_answer_and_no_upgrade() {
    let response = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nhello";
    let receiver = Receiver::answering(response).await;
    let client = client(Policy::dev());
    for accepted in 1..=2 {
        let answer = client.send(post(&receiver.url()), AMPLE).await.unwrap();
        assert_eq!((answer.status, answer.body_start.len()), (StatusCode::SWITCHING_PROTOCOLS, 0));
        assert_eq!(receiver.accepted(), accepted, "the connection is nobody's any more");
    }
}

#[tokio::test]
async fn a_flood_of_interim_responses_holds_up_neither_the_clock_nor_others() {
    let flood = Receiver::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        let many = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(1000);
        while stream.write_all(&many).await.is_ok() {}
    })
    .await;
    let quick = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let client = client(Policy::dev());
    let (flooded, answered) =
        tokio::join!(client.send(post(&flood.url()), SHORT), client.send(post(&quick.url()), AMPLE));
    assert_eq!(flooded.unwrap_err(), SendError::Timeout { stage: Stage::Response });
    assert_eq!(answered.unwrap().body_start, "ok");
}

#[tokio::test]
async fn a_body_that_drips_does_not_gain_time() {
    let dripping = Receiver::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let answer = tokio::time::timeout(AMPLE.timeout / 2, call(&dripping, SHORT)).await.unwrap().unwrap();
    assert_eq!((answer.status, answer.body_complete), (StatusCode::OK, false));
}

#[tokio::test]
async fn chunks_without_content_do_not_gain_time_or_room() {
    let teasing = Receiver::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;").await.unwrap();
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    })
    .await;
    let answer = tokio::time::timeout(AMPLE.timeout / 2, call(&teasing, SHORT)).await.unwrap().unwrap();
    assert_eq!((answer.body_start.len(), answer.body_complete), (0, false));
}

#[tokio::test]
async fn a_connection_that_one_policy_opened_is_no_way_around_another() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let open = Client::new(Policy::dev(), RootCertStore::empty(), ClientSettings::default());
    open.send(post(&receiver.url()), AMPLE).await.unwrap();
    settle().await;
    let shut = Client::new(Policy::public_only(), RootCertStore::empty(), ClientSettings::default());
    assert!(matches!(shut.send(post(&receiver.url()), AMPLE).await, Err(SendError::Blocked(_))));
    open.send(post(&receiver.url()), AMPLE).await.unwrap();
    assert_eq!(receiver.accepted(), 1, "the first one's connection is still there, and its own");
}
