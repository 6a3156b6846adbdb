//! Names are judged by the addresses they resolve to, at each new connection.

use std::io;

use ringback_egress::{Answer, Client, Policy, Refusal, SendError};
use rustls::RootCertStore;

use crate::receiver::{AMPLE, Receiver, client, post, reason};

async fn receiver() -> Receiver {
    Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await
}

async fn send(policy: Policy, url: &str) -> Result<Answer, SendError> {
    client(policy).send(post(url), AMPLE).await
}

#[tokio::test]
async fn a_name_for_loopback_is_blocked_and_says_how_to_permit_it() {
    let receiver = receiver().await;
    let url = format!("https://localhost:{}/", receiver.port());
    let error = send(Policy::public_only(), &url).await.unwrap_err();
    let SendError::Blocked(refusal) = &error else { panic!("{error:?}") };
    assert_eq!(refusal.code(), "address_not_allowed");
    assert_eq!(refusal.setting().unwrap(), r#"egress.allow = ["localhost"]"#);
    assert!(
        matches!(refusal, Refusal::Address { host, range: "loopback", .. } if host == "localhost"),
        "{refusal:?}"
    );
    assert!(error.to_string().starts_with("localhost stands for "), "{error}");
    assert_eq!(receiver.accepted(), 0, "nothing was dialled");
}

#[tokio::test]
async fn a_permitted_name_is_called_over_plain_http() {
    let receiver = receiver().await;
    let port = receiver.port();
    let url = format!("http://localhost:{port}/");
    for rule in [
        "localhost".to_owned(),
        format!("localhost:{port}"),
        "127.0.0.0/8".to_owned(),
        format!("127.0.0.1:{port}"),
    ] {
        let policy = Policy::public_only().allow([&rule]).unwrap();
        assert!(send(policy, &url).await.is_ok(), "{rule}");
    }
    assert!(send(Policy::dev(), &url).await.is_ok());
    assert!(send(Policy::unrestricted(), &url).await.is_ok());
    assert!(send(Policy::dev(), &format!("http://LOCALHOST:{port}/")).await.is_ok());
    assert_eq!(receiver.accepted(), 7);
}

#[tokio::test]
async fn a_rule_for_another_name_port_or_network_permits_nothing() {
    let receiver = receiver().await;
    let url = format!("http://localhost:{}/", receiver.port());
    for rule in [
        "host",
        "other.localhost",
        "localhost.example",
        "localhost:1",
        "10.0.0.0/8",
        "127.0.0.2",
        "127.0.0.1:1",
    ] {
        let outcome = send(Policy::public_only().allow([rule]).unwrap(), &url).await;
        assert!(matches!(outcome, Err(SendError::Blocked(_))), "{rule}: {outcome:?}");
    }
    assert_eq!(receiver.accepted(), 0);
}

#[tokio::test]
async fn a_literal_is_judged_by_the_client_too() {
    let receiver = receiver().await;
    for host in ["127.0.0.1", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        let url = format!("https://{host}:{}/", receiver.port());
        let outcome = send(Policy::public_only(), &url).await;
        assert!(matches!(outcome, Err(SendError::Blocked(Refusal::Address { .. }))), "{host}: {outcome:?}");
    }
    assert_eq!(receiver.accepted(), 0);
}

#[tokio::test]
async fn a_permitted_literal_is_called_in_any_spelling() {
    let receiver = receiver().await;
    for host in ["127.0.0.1", "0x7f.1", "2130706433", "127.1", "[::ffff:127.0.0.1]"] {
        let url = format!("http://{host}:{}/", receiver.port());
        assert!(send(Policy::dev(), &url).await.is_ok(), "{host}");
    }
    assert_eq!(receiver.accepted(), 5);
}

#[tokio::test]
async fn a_request_without_a_complete_url_is_blocked() {
    let outcome = send(Policy::unrestricted(), "/hooks").await;
    assert_eq!(outcome.unwrap_err(), SendError::Blocked(Refusal::Invalid));
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_not_found_and_a_silent_name_server_is_told_from_it() {
    for (said, expected) in [
        ("Name or service not known", "name not found"),
        (
            "Temporary failure in name resolution",
            "the name could not be looked up: no answer from the name server",
        ),
    ] {
        let client = Client::builder(Policy::unrestricted(), RootCertStore::empty())
            .lookup(move |_| Err(io::Error::other(said)))
            .build();
        let outcome = client.send(post("https://app.example.com/"), AMPLE).await;
        assert_eq!(reason(outcome), expected);
    }
}
