//! Connections are kept, used again, and replaced when they prove to be closed.

use ringback_egress::{Client, ClientSettings, Policy, SendError, Stage};
use rustls::RootCertStore;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

use crate::receiver::{AMPLE, Receiver, SHORT, client, post, read_request, reason, settle};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Counts requests; on connection `n`, answers the first `answers[n]` and closes upon the next without a
/// word.
async fn closing_after(answers: &'static [usize]) -> (Receiver, Arc<AtomicUsize>) {
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&requests);
    let receiver = Receiver::start(move |number, mut stream| {
        let counter = Arc::clone(&counter);
        async move {
            for answered in 0.. {
                if read_request(&mut stream).await.is_none() {
                    return;
                }
                counter.fetch_add(1, Ordering::SeqCst);
                if answered == answers[number] || stream.write_all(OK).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    (receiver, requests)
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let receiver = Receiver::answering(OK).await;
    let client = client(Policy::dev());
    for _ in 0..5 {
        client.clone().send(post(&receiver.url()), AMPLE).await.unwrap();
        settle().await;
    }
    assert_eq!(receiver.accepted(), 1);
}

#[tokio::test]
async fn a_connection_with_an_unread_rest_is_not_used_again() {
    let response = format!("HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n{}", "x".repeat(300_000));
    let receiver = Receiver::answering(response).await;
    let client = client(Policy::dev());
    for _ in 0..2 {
        assert!(!client.send(post(&receiver.url()), AMPLE).await.unwrap().body_complete);
        settle().await;
    }
    assert_eq!(receiver.accepted(), 2);
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_time() {
    let receiver = Receiver::answering(OK).await;
    let settings =
        ClientSettings { pool_idle_timeout: Duration::from_millis(5), ..ClientSettings::default() };
    let client = Client::new(Policy::dev(), RootCertStore::empty(), settings);
    for _ in 0..2 {
        client.send(post(&receiver.url()), AMPLE).await.unwrap();
        settle().await;
    }
    assert_eq!(receiver.accepted(), 2);
}

#[tokio::test]
async fn a_kept_connection_that_the_receiver_closed_is_replaced() {
    let receiver = Receiver::answering_once(OK).await;
    let client = client(Policy::dev());
    for expected in 1..=3 {
        let answer = client.send(post(&receiver.url()), AMPLE).await.unwrap();
        assert_eq!(answer.body_start, "ok");
        assert_eq!(receiver.accepted(), expected);
        settle().await;
    }
}

#[tokio::test]
async fn a_request_that_crosses_the_closing_of_its_connection_is_sent_again() {
    let (receiver, requests) = closing_after(&[1, 1]).await;
    let client = client(Policy::dev());
    client.send(post(&receiver.url()), AMPLE).await.unwrap();
    settle().await;
    let answer = client.send(post(&receiver.url()), AMPLE).await.unwrap();
    assert_eq!(answer.body_start, "ok");
    assert_eq!((receiver.accepted(), requests.load(Ordering::SeqCst)), (2, 3));
}

#[tokio::test]
async fn it_is_sent_again_only_once() {
    let (receiver, requests) = closing_after(&[1, 0]).await;
    let client = client(Policy::dev());
    client.send(post(&receiver.url()), AMPLE).await.unwrap();
    settle().await;
    let outcome = client.send(post(&receiver.url()), AMPLE).await;
    assert_eq!(reason(outcome), "the connection was closed before a response came");
    assert_eq!((receiver.accepted(), requests.load(Ordering::SeqCst)), (2, 3));
}

#[tokio::test]
async fn over_a_new_connection_nothing_is_sent_twice() {
    let (receiver, requests) = closing_after(&[0]).await;
    let outcome = client(Policy::dev()).send(post(&receiver.url()), AMPLE).await;
    assert_eq!(reason(outcome), "the connection was closed before a response came");
    assert_eq!((receiver.accepted(), requests.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test]
async fn a_kept_connection_that_stalls_is_a_timeout_and_not_sent_again() {
    let receiver = Receiver::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(OK).await.unwrap();
        read_request(&mut stream).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
    })
    .await;
    let client = client(Policy::dev());
    client.send(post(&receiver.url()), AMPLE).await.unwrap();
    settle().await;
    let error = client.send(post(&receiver.url()), SHORT).await.unwrap_err();
    assert_eq!(error, SendError::Timeout { stage: Stage::Response });
    assert_eq!(receiver.accepted(), 1);
}
