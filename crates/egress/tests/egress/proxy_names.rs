//! Names that are left to the proxy: it gets them as they are, and all that is no name is judged as ever.

use ringback_egress::{Client, Policy, SendError};
use rustls::RootCertStore;

use crate::receiver::{AMPLE, Receiver, post};
use crate::tls::{self_signed, serve_once, trusting};
use crate::tunnelling::Tunnels;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A client that would notice if it looked a name up.
fn client(policy: Policy, roots: RootCertStore, tunnels: &Tunnels) -> Client {
    Client::builder(policy.leave_names_to_proxy(), roots)
        .lookup(|name| panic!("{name} was looked up here"))
        .proxy(Some(tunnels.proxy("")))
        .build()
}

#[tokio::test]
async fn the_proxy_gets_the_name_and_tls_verifies_it() {
    let identity = self_signed("app.example.com", true);
    let mut tunnels = Tunnels::open().await;
    let client = client(Policy::public_only(), trusting(&identity), &tunnels);
    let port = serve_once(&identity, rustls::ALL_VERSIONS);
    let answer = client.send(post(&format!("https://app.example.com:{port}/")), AMPLE).await.unwrap();
    assert_eq!(answer.body_start, "safe");
    let expected =
        [format!("CONNECT app.example.com:{port} HTTP/1.1"), format!("host: app.example.com:{port}")];
    assert_eq!(tunnels.head().await, expected);
}

#[tokio::test]
async fn plain_http_needs_a_rule_that_names_the_host() {
    let receiver = Receiver::answering(OK).await;
    let mut tunnels = Tunnels::open().await;
    let url = format!("http://app.internal:{}/", receiver.port());
    for rules in [&[] as &[&str], &["10.0.0.0/8", "0.0.0.0/0", "::/0"], &["other.internal"]] {
        let policy = Policy::public_only().allow(rules).unwrap();
        let saved = policy.clone().leave_names_to_proxy().check_url(&url).unwrap_err();
        assert_eq!(saved.code(), "plain_http_not_allowed", "{rules:?}");
        let error =
            client(policy, RootCertStore::empty(), &tunnels).send(post(&url), AMPLE).await.unwrap_err();
        assert_eq!(error, SendError::Blocked(saved), "{rules:?}");
    }
    assert_eq!(tunnels.accepted(), 0);
    let policy = Policy::public_only().allow(["app.internal"]).unwrap();
    assert!(client(policy, RootCertStore::empty(), &tunnels).send(post(&url), AMPLE).await.is_ok());
    assert_eq!(tunnels.head().await[0], format!("CONNECT app.internal:{} HTTP/1.1", receiver.port()));
}

#[tokio::test]
async fn addresses_known_names_and_ports_are_judged_here_all_the_same() {
    let tunnels = Tunnels::open().await;
    let client = client(Policy::public_only(), RootCertStore::empty(), &tunnels);
    for (url, code) in [
        ("https://10.0.0.1/", "address_not_allowed"),
        ("https://0x7f.1/", "address_not_allowed"),
        ("https://[::ffff:169.254.169.254]/", "address_not_allowed"),
        ("https://localhost/", "address_not_allowed"),
        ("https://a.localhost./", "address_not_allowed"),
        ("https://metadata.google.internal/", "address_not_allowed"),
        ("https://app.example.com:6379/", "port_not_allowed"),
        ("http://app.example.com/", "plain_http_not_allowed"),
        ("https://user@app.example.com/", "url_with_user_info"),
    ] {
        match client.send(post(url), AMPLE).await {
            Err(SendError::Blocked(refusal)) => assert_eq!(refusal.code(), code, "{url}"),
            other => panic!("{url}: {other:?}"),
        }
    }
    assert_eq!(tunnels.accepted(), 0);
}

#[tokio::test]
async fn a_literal_address_is_asked_for_as_it_was_judged() {
    let receiver = Receiver::answering(OK).await;
    let mut tunnels = Tunnels::open().await;
    let client = client(Policy::dev(), RootCertStore::empty(), &tunnels);
    assert!(client.send(post(&format!("http://0x7f.1:{}/", receiver.port())), AMPLE).await.is_ok());
    assert_eq!(tunnels.head().await[0], format!("CONNECT 127.0.0.1:{} HTTP/1.1", receiver.port()));
}

#[tokio::test]
async fn without_a_proxy_names_are_resolved_and_judged() {
    let client = Client::builder(Policy::public_only().leave_names_to_proxy(), RootCertStore::empty())
        .lookup(|_| Ok(vec!["10.0.0.1:0".parse().unwrap()]))
        .build();
    match client.send(post("https://app.example.com/"), AMPLE).await {
        Err(SendError::Blocked(refusal)) => assert_eq!(refusal.code(), "address_not_allowed"),
        other => panic!("{other:?}"),
    }
}
