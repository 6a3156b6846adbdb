//! Whatever the receiver answers is an answer, and no more of it is read than the limits permit.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use ringback_egress::{Policy, ResponseLimits};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use crate::receiver::{AMPLE, Receiver, SHORT, call, client, read_request, settle};

fn with_length(length: usize, body: &[u8]) -> Vec<u8> {
    let mut response = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").into_bytes();
    response.extend_from_slice(body);
    response
}

fn chunked(chunks: &[&[u8]]) -> Vec<u8> {
    let mut response = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for chunk in chunks {
        response.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        response.extend_from_slice(chunk);
        response.extend_from_slice(b"\r\n");
    }
    response.extend_from_slice(b"0\r\n\r\n");
    response
}

#[tokio::test]
async fn the_request_arrives_as_it_was_given() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let receiver = Receiver::start(move |_, mut stream| {
        let seen = seen.clone();
        async move {
            seen.send(read_request(&mut stream).await).unwrap();
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        }
    })
    .await;
    let body: Vec<u8> = (0..1_000_000_u32).map(|byte| byte.to_le_bytes()[0]).collect();
    let request = Request::post(format!("{}/a%20b?x=1&y=%2F", receiver.url()))
        .header("webhook-id", "whev_1")
        .body(Bytes::from(body.clone()))
        .unwrap();
    let answer = client(Policy::dev()).send(request, AMPLE).await.unwrap();
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(answer.body_complete);

    let seen = requests.recv().await.unwrap().unwrap();
    let head_len = seen.len() - body.len();
    assert!(seen[head_len..] == body, "the body is sent byte for byte");
    let head = String::from_utf8(seen[..head_len].to_vec()).unwrap();
    let mut lines: Vec<&str> = head.trim_end().split("\r\n").collect();
    assert_eq!(lines.remove(0), "POST /hooks/a%20b?x=1&y=%2F HTTP/1.1");
    lines.sort_unstable();
    let host = format!("host: 127.0.0.1:{}", receiver.port());
    assert_eq!(
        lines,
        ["content-length: 1000000", host.as_str(), "webhook-id: whev_1"],
        "and nothing is added"
    );
}

#[tokio::test]
async fn every_status_is_an_answer_with_its_head_and_body() {
    for status in [200, 204, 301, 400, 404, 410, 429, 500, 503, 599] {
        let bodiless = status == 204;
        let (length, body) = if bodiless { ("", "") } else { ("content-length: 4\r\n", "body") };
        let response = format!("HTTP/1.1 {status} Any\r\nretry-after: 7\r\n{length}\r\n{body}");
        let answer = call(&Receiver::answering(response).await, AMPLE).await.unwrap();
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(answer.headers["retry-after"], "7");
        assert_eq!(answer.body_start, body);
        assert!(answer.body_complete);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    for status in [301, 302, 303, 307, 308] {
        let response =
            format!("HTTP/1.1 {status} Moved\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", elsewhere.url());
        let answer = call(&Receiver::answering(response).await, AMPLE).await.unwrap();
        assert_eq!(answer.status.as_u16(), status);
    }
    settle().await;
    assert_eq!(elsewhere.accepted(), 0);
}

#[tokio::test]
async fn interim_responses_are_passed_over() {
    let response = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n\
                    HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\nok";
    let answer = call(&Receiver::answering(response).await, AMPLE).await.unwrap();
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.body_start, "ok");
}

#[tokio::test]
async fn a_body_without_a_length_ends_with_the_connection() {
    let answer =
        call(&Receiver::answering_once("HTTP/1.0 200 OK\r\n\r\nold style").await, AMPLE).await.unwrap();
    assert_eq!(answer.body_start, "old style");
    assert!(answer.body_complete);
}

#[tokio::test]
async fn the_body_is_read_and_kept_up_to_the_limits() {
    let limits = ResponseLimits { max_read_bytes: 100, max_kept_bytes: 40, ..AMPLE };
    let bytes = [b'x'; 200];
    for (response, kept, complete) in [
        (with_length(0, b""), 0, true),
        (with_length(40, &bytes[..40]), 40, true),
        (with_length(41, &bytes[..41]), 40, true),
        (with_length(100, &bytes[..100]), 40, true),
        (with_length(101, &bytes[..101]), 40, false),
        (chunked(&[&bytes[..60], &bytes[..40]]), 40, true),
        (chunked(&[&bytes[..60], &bytes[..41]]), 40, false),
        (chunked(&[&bytes[..10], &bytes[..10]]), 20, true),
    ] {
        let answer = call(&Receiver::answering(response.clone()).await, limits).await.unwrap();
        let shown = String::from_utf8_lossy(&response);
        assert_eq!((answer.body_start.len(), answer.body_complete), (kept, complete), "{shown}");
    }
}

#[tokio::test]
async fn no_more_is_kept_than_is_read() {
    let limits = ResponseLimits { max_read_bytes: 10, max_kept_bytes: usize::MAX, ..AMPLE };
    let answer = call(&Receiver::answering(with_length(50, &[b'x'; 50])).await, limits).await.unwrap();
    assert_eq!((answer.body_start.len(), answer.body_complete), (10, false));
}

#[tokio::test]
async fn an_endless_body_is_cut_and_its_connection_closed() {
    let (ended, mut end) = mpsc::unbounded_channel();
    let receiver = Receiver::start(move |_, mut stream| {
        let ended = ended.clone();
        async move {
            read_request(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            while stream.write_all(&[b'x'; 1000]).await.is_ok() {}
            ended.send(()).unwrap();
        }
    })
    .await;
    let client = client(Policy::dev());
    let answer = client.send(crate::receiver::post(&receiver.url()), AMPLE).await.unwrap();
    assert_eq!((answer.status, answer.body_start.len(), answer.body_complete), (StatusCode::OK, 1024, false));
    tokio::time::timeout(AMPLE.timeout, end.recv()).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_body_that_stalls_leaves_the_answer_an_answer() {
    let receiver = Receiver::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(&with_length(100, b"the start")).await.unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
    })
    .await;
    let answer = call(&receiver, SHORT).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body_start, "the start");
    assert!(!answer.body_complete);
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_the_answer_an_answer() {
    let broken_chunk =
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nthe start\r\nno size\r\n".to_vec();
    for response in [with_length(100, b"the start"), broken_chunk] {
        let answer = call(&Receiver::answering_once(response).await, AMPLE).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.body_start, "the start");
        assert!(!answer.body_complete);
    }
}

#[tokio::test]
async fn slow_receivers_do_not_hold_up_others_of_the_same_client() {
    let slow = Receiver::start(|_, stream| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let quick = Receiver::answering(with_length(2, b"ok")).await;
    let client = Arc::new(client(Policy::dev()));
    let mut hanging = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (client, url) = (Arc::clone(&client), slow.url());
        hanging.spawn(async move { client.send(crate::receiver::post(&url), AMPLE).await });
    }
    let answer = client.send(crate::receiver::post(&quick.url()), AMPLE).await.unwrap();
    assert_eq!(answer.body_start, "ok");
    assert!(hanging.try_join_next().is_none(), "the slow ones are still waiting");
}
