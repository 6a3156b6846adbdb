//! Calls by way of a proxy: the tunnel ends at the judged address, and what goes wrong says that it was the
//! proxy.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use ringback_egress::{Client, ClientBuilder, Policy, Proxy, Refusal, SendError, Stage};
use rustls::RootCertStore;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use crate::receiver::{AMPLE, Receiver, SHORT, post, read_request, reason, settle};
use crate::tls::{self_signed, serve_once, trusting};
use crate::tunnelling::Tunnels;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A client for which every name is 127.0.0.1, which is permitted.
fn builder(roots: RootCertStore) -> ClientBuilder {
    Client::builder(Policy::dev(), roots).lookup(|_| Ok(vec![SocketAddr::from(([127, 0, 0, 1], 0))]))
}

fn through(proxy: Proxy) -> Client {
    builder(RootCertStore::empty()).proxy(Some(proxy)).build()
}

#[tokio::test]
async fn plain_http_goes_through_a_tunnel_to_the_judged_address() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let receiver = Receiver::start(move |_, mut stream| {
        let seen = seen.clone();
        async move {
            while let Some(request) = read_request(&mut stream).await {
                seen.send(String::from_utf8(request).unwrap()).unwrap();
                stream.write_all(OK.as_bytes()).await.unwrap();
            }
        }
    })
    .await;
    let mut tunnels = Tunnels::open().await;
    let client = through(tunnels.proxy("user:p%40ss@"));
    let port = receiver.port();
    for _ in 0..2 {
        let answer = client.send(post(&format!("http://app.example.com:{port}/hooks")), AMPLE).await.unwrap();
        assert_eq!(answer.body_start, "ok");
        settle().await;
    }
    let expected = [
        format!("CONNECT 127.0.0.1:{port} HTTP/1.1"),
        format!("host: 127.0.0.1:{port}"),
        "proxy-authorization: Basic dXNlcjpwQHNz".to_owned(),
    ];
    assert_eq!(tunnels.head().await, expected);
    assert_eq!((tunnels.accepted(), receiver.accepted()), (1, 1), "the tunnel is kept and used again");
    let request = requests.recv().await.unwrap();
    assert!(request.starts_with("POST /hooks HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("\r\nhost: app.example.com:{port}\r\n")), "{request}");
    assert!(!request.contains("proxy-authorization"), "{request}");
}

#[tokio::test]
async fn tls_is_with_the_endpoint_and_for_its_name() {
    let identity = self_signed("app.example.com", true);
    let mut tunnels = Tunnels::open().await;
    let client = builder(trusting(&identity)).proxy(Some(tunnels.proxy(""))).build();
    let port = serve_once(&identity, rustls::ALL_VERSIONS);
    let answer = client.send(post(&format!("https://app.example.com:{port}/")), AMPLE).await.unwrap();
    assert_eq!(answer.body_start, "safe");
    let expected = [format!("CONNECT 127.0.0.1:{port} HTTP/1.1"), format!("host: 127.0.0.1:{port}")];
    assert_eq!(tunnels.head().await, expected);

    let port = serve_once(&identity, rustls::ALL_VERSIONS);
    let outcome = client.send(post(&format!("https://other.example.com:{port}/")), AMPLE).await;
    assert_eq!(reason(outcome), "TLS: the certificate is for another name");
}

#[tokio::test]
async fn what_is_refused_is_refused_before_the_proxy_hears_of_it() {
    let tunnels = Tunnels::open().await;
    let client = Client::builder(Policy::public_only(), RootCertStore::empty())
        .lookup(|_| Ok(vec!["10.0.0.1:0".parse().unwrap()]))
        .proxy(Some(tunnels.proxy("")))
        .build();
    for url in ["https://app.example.com/", "https://127.0.0.1/", "https://app.example.com:25/"] {
        let outcome = client.send(post(url), AMPLE).await;
        assert!(matches!(outcome, Err(SendError::Blocked(_))), "{url}: {outcome:?}");
    }
    assert_eq!(tunnels.accepted(), 0);
}

#[tokio::test]
async fn of_good_and_bad_addresses_the_proxy_hears_only_of_the_good() {
    let receiver = Receiver::answering(OK).await;
    let mut tunnels = Tunnels::open().await;
    let client = Client::builder(Policy::dev(), RootCertStore::empty())
        .lookup(|_| Ok(["169.254.169.254:0", "127.0.0.1:0"].map(|text| text.parse().unwrap()).to_vec()))
        .proxy(Some(tunnels.proxy("")))
        .build();
    let url = format!("http://app.example.com:{}/", receiver.port());
    assert!(client.send(post(&url), AMPLE).await.is_ok());
    assert_eq!(tunnels.head().await[0], format!("CONNECT 127.0.0.1:{} HTTP/1.1", receiver.port()));
    assert_eq!(tunnels.accepted(), 1);
}

#[tokio::test]
async fn an_address_that_the_proxy_cannot_reach_leaves_the_next() {
    let receiver = Receiver::answering(OK).await;
    for (first, expected) in [(502, Ok(2)), (504, Ok(2)), (403, Err(1)), (407, Err(1))] {
        let tunnels = Tunnels::start(move |number, _| {
            (number == 0).then(|| format!("HTTP/1.1 {first} No\r\ncontent-length: 0\r\n\r\n"))
        })
        .await;
        let client = Client::builder(Policy::dev(), RootCertStore::empty())
            .lookup(|_| Ok(["[fd00::1]:0", "127.0.0.1:0"].map(|text| text.parse().unwrap()).to_vec()))
            .proxy(Some(tunnels.proxy("")))
            .build();
        let outcome = client.send(post(&format!("http://app.example.com:{}/", receiver.port())), AMPLE).await;
        let tried = tunnels.accepted();
        assert_eq!(outcome.map(|_| tried).map_err(|_| tried), expected, "{first}");
    }
}

#[tokio::test]
async fn each_way_of_the_proxy_to_say_no_has_its_words() {
    let canary = Receiver::answering(OK).await;
    let head = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 6\r\n\r\nsecret");
    for (answer, expected) in [
        (head("407 Who"), "the proxy wants credentials, or others than the setting egress.proxy has (407)"),
        (head("403 No"), "the proxy does not permit this target (403)"),
        (head("502 Bad"), "the proxy cannot reach the target (502)"),
        (head("503 Busy"), "the proxy cannot reach the target (503)"),
        (head("504 Slow"), "the proxy cannot reach the target (504)"),
        (head("405 What"), "the proxy opens no tunnels (405)"),
        (head("501 What"), "the proxy opens no tunnels (501)"),
        (head("400 Bad"), "the proxy refused to open a tunnel (400)"),
        (head("302 There"), "the proxy refused to open a tunnel (302)"),
        ("SSH-2.0-OpenSSH_9.9\r\n".to_owned(), "what the proxy answered is not HTTP/1.1"),
        ("\x05\x00\r\n\r\n".to_owned(), "what the proxy answered is not HTTP/1.1"),
        (String::new(), "the proxy closed the connection before it opened a tunnel"),
        ("HTTP/1.1 200 OK\r\n".to_owned(), "the proxy closed the connection before it opened a tunnel"),
        (
            format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(40_000)),
            "the head of the proxy's answer is too large",
        ),
        (format!("HTTP/1.1 200 OK\r\n\r\n{OK}"), "the proxy sent data of its own into the tunnel"),
    ] {
        let tunnels = Tunnels::start({
            let answer = answer.clone();
            move |_, _| Some(answer.clone())
        })
        .await;
        let url = format!("http://app.example.com:{}/", canary.port());
        let outcome = through(tunnels.proxy("user:hidden@")).send(post(&url), AMPLE).await;
        let shown = format!("{outcome:?}");
        assert!(!shown.contains("hidden") && !shown.contains("secret"), "{shown}");
        assert_eq!(reason(outcome), expected, "{answer}");
        assert_eq!(tunnels.accepted(), 1, "{answer}");
    }
    assert_eq!(canary.accepted(), 0, "no way around a proxy that refuses");
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named_as_what_is_missing() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let proxy = Proxy::parse(&format!("http://127.0.0.1:{port}")).unwrap();
    let outcome = through(proxy).send(post("http://app.example.com/"), AMPLE).await;
    assert_eq!(reason(outcome), "the proxy cannot be reached: connection refused");

    let client = Client::builder(Policy::dev(), RootCertStore::empty())
        .lookup(|name| match name {
            "app.example.com" => Ok(vec!["127.0.0.1:0".parse().unwrap()]),
            _ => Err(io::Error::other("Name or service not known")),
        })
        .proxy(Some(Proxy::parse("http://proxy.internal:3128").unwrap()))
        .build();
    let outcome = client.send(post("http://app.example.com/"), AMPLE).await;
    assert_eq!(reason(outcome), "the proxy cannot be reached: name not found");
}

#[tokio::test]
async fn a_proxy_that_is_slow_is_a_timeout_that_says_so() {
    let silent = Receiver::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
    })
    .await;
    let proxy = Proxy::parse(&format!("http://127.0.0.1:{}", silent.port())).unwrap();
    let slow = SendError::Timeout { stage: Stage::Proxy };
    let error = through(proxy.clone()).send(post("http://app.example.com/"), SHORT).await.unwrap_err();
    assert_eq!(error, slow);
    assert_eq!(error.to_string(), "timed out while connecting through the proxy");

    let settings = ringback_egress::ClientSettings {
        connect_timeout: Duration::from_millis(50),
        ..ringback_egress::ClientSettings::default()
    };
    let hasty = builder(RootCertStore::empty()).settings(settings).proxy(Some(proxy)).build();
    let by_its_own_limit =
        tokio::time::timeout(AMPLE.timeout / 2, hasty.send(post("http://app.example.com/"), AMPLE)).await;
    assert_eq!(by_its_own_limit.unwrap().unwrap_err(), slow);
}

#[tokio::test]
async fn the_proxys_own_address_is_not_judged_and_opens_nothing() {
    let tunnels =
        Tunnels::start(|_, _| Some("HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n".to_owned())).await;
    let proxy = Proxy::parse(&format!("http://proxy.internal:{}", tunnels.port())).unwrap();
    let client = Client::builder(Policy::public_only(), RootCertStore::empty())
        .lookup(|name| match name {
            "proxy.internal" => Ok(vec!["127.0.0.1:0".parse().unwrap()]),
            _ => Ok(vec!["93.184.215.14:0".parse().unwrap()]),
        })
        .proxy(Some(proxy))
        .build();
    let outcome = client.send(post("https://app.example.com/"), AMPLE).await;
    assert_eq!(reason(outcome), "the proxy does not permit this target (403)");
    assert_eq!(tunnels.accepted(), 1);
    let direct = client.send(post(&format!("https://proxy.internal:{}/", tunnels.port())), AMPLE).await;
    assert!(matches!(direct, Err(SendError::Blocked(Refusal::Address { .. }))), "{direct:?}");
    assert_eq!(tunnels.accepted(), 1);
}
