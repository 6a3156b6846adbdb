//! Names whose addresses change, are many, or are good and bad.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ringback_egress::{Client, Policy, Refusal, SendError};
use rustls::RootCertStore;
use tokio::io::AsyncWriteExt;

use crate::receiver::{AMPLE, Receiver, post, read_request, settle};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn sockets(addresses: &[&str]) -> Vec<SocketAddr> {
    addresses.iter().map(|address| SocketAddr::new(address.parse().expect("an address"), 0)).collect()
}

/// A client for which only 127.0.0.1 is permitted, whose resolver gives these answers one after another and
/// then the last for good; and the number of times it was asked.
fn client(answers: &'static [&'static [&'static str]]) -> (Client, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let policy = Policy::public_only().allow(["127.0.0.1"]).expect("this is a rule");
    let client = Client::builder(policy, RootCertStore::empty())
        .lookup(move |_| {
            let turn = counter.fetch_add(1, Ordering::SeqCst);
            Ok(sockets(answers[turn.min(answers.len() - 1)]))
        })
        .build();
    (client, asked)
}

fn url(receiver: &Receiver) -> String {
    format!("http://rebind.example.com:{}/", receiver.port())
}

#[tokio::test]
async fn what_was_judged_is_what_is_dialled() {
    // Were the name resolved again for dialling, the second answer would be dialled.
    let receiver = Receiver::answering(OK).await;
    let (client, asked) = client(&[&["127.0.0.1"], &["169.254.169.254"]]);
    assert_eq!(client.send(post(&url(&receiver)), AMPLE).await.unwrap().body_start, "ok");
    assert_eq!((receiver.accepted(), asked.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test]
async fn a_name_is_judged_anew_with_each_connection() {
    let receiver = Receiver::answering_once(OK).await;
    let (client, asked) = client(&[&["127.0.0.1"], &["127.0.0.2"]]);
    client.send(post(&url(&receiver)), AMPLE).await.unwrap();
    settle().await;
    let error = client.send(post(&url(&receiver)), AMPLE).await.unwrap_err();
    assert!(
        matches!(&error, SendError::Blocked(Refusal::Address { address, .. }) if address.to_string() == "127.0.0.2"),
        "{error:?}"
    );
    assert_eq!((receiver.accepted(), asked.load(Ordering::SeqCst)), (1, 2));
}

#[tokio::test]
async fn a_call_that_is_sent_again_is_judged_again() {
    // The kept connection closes upon the second call, which is then sent over a new one.
    let receiver = Receiver::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(OK).await.unwrap();
        read_request(&mut stream).await;
    })
    .await;
    let (client, asked) = client(&[&["127.0.0.1"], &["::1"]]);
    client.send(post(&url(&receiver)), AMPLE).await.unwrap();
    settle().await;
    let error = client.send(post(&url(&receiver)), AMPLE).await.unwrap_err();
    assert!(matches!(error, SendError::Blocked(Refusal::Address { .. })), "{error:?}");
    assert_eq!((receiver.accepted(), asked.load(Ordering::SeqCst)), (1, 2));
}

#[tokio::test]
async fn of_good_and_bad_addresses_only_the_good_are_dialled() {
    let receiver = Receiver::answering(OK).await;
    for answers in [
        &[&["169.254.169.254", "127.0.0.2", "127.0.0.1"] as &[&str]] as &[&[&str]],
        &[&["127.0.0.1", "::1", "10.0.0.1"]],
        &[&["::ffff:127.0.0.2", "::ffff:127.0.0.1"]],
    ] {
        let (client, _) = client(answers);
        assert_eq!(client.send(post(&url(&receiver)), AMPLE).await.unwrap().body_start, "ok", "{answers:?}");
    }
    assert_eq!(receiver.accepted(), 3);
}

#[tokio::test]
async fn a_thousand_bad_addresses_are_one_refusal() {
    let canary = Receiver::answering(OK).await;
    let client = Client::builder(Policy::public_only(), RootCertStore::empty())
        .lookup(|_| Ok((0..1000).map(|n| SocketAddr::from(([127, 0, (n >> 8) as u8, n as u8], 0))).collect()))
        .build();
    let url = format!("https://many.example.com:{}/", canary.port());
    let error = client.send(post(&url), AMPLE).await.unwrap_err();
    assert!(matches!(error, SendError::Blocked(Refusal::Address { range: "loopback", .. })), "{error:?}");
    assert_eq!(canary.accepted(), 0);
}

#[tokio::test]
async fn a_lookup_chooses_no_port() {
    let receiver = Receiver::answering(OK).await;
    let client = Client::builder(Policy::dev(), RootCertStore::empty())
        .lookup(|_| Ok(vec!["127.0.0.1:22".parse().unwrap()]))
        .build();
    assert!(client.send(post(&url(&receiver)), AMPLE).await.is_ok());
    assert_eq!(receiver.accepted(), 1);
}

#[tokio::test]
async fn a_port_is_opened_by_the_rule_that_names_host_and_port() {
    let receiver = Receiver::answering(OK).await;
    let port = receiver.port();
    let closed = |rule: String| {
        let policy = Policy::public_only().deny_ports([port]).allow([rule]).unwrap();
        Client::builder(policy, RootCertStore::empty()).lookup(|_| Ok(sockets(&["127.0.0.1"]))).build()
    };
    for (rule, opens) in [
        ("127.0.0.0/8".to_owned(), false),
        ("127.0.0.1".to_owned(), false),
        ("rebind.example.com".to_owned(), false),
        (format!("127.0.0.2:{port}"), false),
        (format!("other.example.com:{port}"), false),
        (format!("127.0.0.1:{port}"), true),
        (format!("rebind.example.com:{port}"), true),
    ] {
        let outcome = closed(rule.clone()).send(post(&url(&receiver)), AMPLE).await;
        let blocked = matches!(&outcome, Err(SendError::Blocked(_)));
        assert_eq!((outcome.is_ok(), blocked), (opens, !opens), "{rule}: {outcome:?}");
    }
    assert_eq!(receiver.accepted(), 2);
}
