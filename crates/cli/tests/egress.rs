//! The settings of egress on a running server: by environment and file, in effect on what it calls, and
//! refused when wrong.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "in a test, to panic is to fail")]

use std::sync::{Arc, Mutex};

use http::Method;
use ringback_testkit::{Gateway, Receiver};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::process::Command;
use tokio::task::JoinSet;

const BINARY: &str = env!("CARGO_BIN_EXE_ringback");

/// Makes an endpoint and gives the answer's status and body.
async fn create(gateway: &Gateway, url: &str) -> (u16, Value) {
    let body = json!({"name": "app", "url": url, "event_types": ["order.*"]});
    let answer = gateway.api(Method::POST, "/v1/webhook_endpoints", Some(&body)).await;
    (answer.status.as_u16(), answer.json())
}

/// How `serve` ends with this `ringback.toml`, and what it says.
async fn refused(toml: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ringback.toml"), toml).unwrap();
    let output = Command::new(BINARY)
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"])
        .env_clear()
        .current_dir(folder.path())
        .output()
        .await
        .unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn a_denied_port_is_refused_with_the_setting_that_opens_it() {
    let gateway = Gateway::builder(BINARY).env("RINGBACK_EGRESS_ALLOW", r#"["127.0.0.1:25"]"#).start().await;
    let (status, answer) = create(&gateway, "http://127.0.0.1:6379/").await;
    assert_eq!((status, &answer["error"]["code"]), (400, &json!("port_not_allowed")), "{answer}");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.ends_with(r#"egress.allow = ["127.0.0.1:6379"]"#), "{message}");
    assert_eq!(create(&gateway, "http://127.0.0.1:25/").await.0, 200, "a rule that names the port wins");

    let gateway = Gateway::builder(BINARY).env("RINGBACK_EGRESS_DENY_PORTS", "[8443, 9443]").start().await;
    assert_eq!(create(&gateway, "http://127.0.0.1:6379/").await.0, 200, "the default list is replaced");
    assert_eq!(create(&gateway, "https://app.example.com:9443/").await.0, 400);
}

#[tokio::test]
async fn deliveries_go_through_the_proxy() {
    let proxy = TestProxy::start().await;
    let gateway =
        Gateway::builder(BINARY).env("RINGBACK_EGRESS_PROXY", &proxy.url("user:pass@")).start().await;
    let receiver = Receiver::start().await;
    let (status, endpoint) = create(&gateway, &receiver.url()).await;
    assert_eq!(status, 200, "{endpoint}");
    let path = format!("/v1/webhook_endpoints/{}/test", endpoint["id"].as_str().unwrap());
    let answer = gateway.api(Method::POST, &path, Some(&json!({"event_type": "batch.completed"}))).await;
    assert_eq!(answer.json()["success"], json!(true), "{}", answer.json());
    let head = proxy.head();
    assert!(head.starts_with("CONNECT 127.0.0.1:"), "{head}");
    assert!(head.contains("proxy-authorization: Basic dXNlcjpwYXNz\r\n"), "{head}");
}

#[tokio::test]
async fn settings_that_cannot_be_meant_keep_the_server_from_starting() {
    for (toml, expected) in [
        ("[egress]\nproxi = 'http://proxy.internal'", "did you mean `proxy`?"),
        ("[egress]\nproxy = 'https://user:hidden@proxy.internal'", "egress.proxy: its scheme is \"https\""),
        ("[egress]\nproxy = ['http://user:hidden@proxy.internal']", "the setting `egress.proxy`"),
        ("[egress]\nproxy_resolves = true", "there is no egress.proxy"),
        ("[egress]\ndeny_ports = [70000]", "must be a whole number from 0 to 65535"),
        ("[egress]\ndeny_ports = 25", "the setting `egress.deny_ports` (in ringback.toml) must be a list"),
        ("[egress]\nallow = ['*.internal']", "egress.allow: "),
        (
            "[egress]\nca_file = '/does/not/exist.pem'",
            "egress.ca_file /does/not/exist.pem: it cannot be read: ",
        ),
        (
            "[egress]\nca_file = 'ringback.toml'",
            "egress.ca_file ringback.toml: it holds no certificate in PEM",
        ),
    ] {
        let (code, said) = refused(toml).await;
        assert_eq!(code, Some(2), "{toml}: {said}");
        assert!(said.contains(expected), "{toml}: {said}");
        assert!(!said.contains("hidden"), "{toml}: {said}");
    }
}

/// A proxy that opens every tunnel and keeps the head of the last request for one.
struct TestProxy {
    port: u16,
    head: Arc<Mutex<String>>,
    _serving: JoinSet<()>,
}

impl TestProxy {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback can be bound");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let head = Arc::new(Mutex::new(String::new()));
        let (kept, mut serving) = (Arc::clone(&head), JoinSet::new());
        serving.spawn(async move {
            let mut tunnels = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                tunnels.spawn(tunnel(stream, Arc::clone(&kept)));
            }
        });
        Self { port, head, _serving: serving }
    }

    fn url(&self, user_info: &str) -> String {
        format!("http://{user_info}127.0.0.1:{}", self.port)
    }

    fn head(&self) -> String {
        self.head.lock().unwrap().clone()
    }
}

async fn tunnel(mut near: TcpStream, kept: Arc<Mutex<String>>) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(near.read_u8().await.expect("the client sends a head").into());
    }
    let target = head.split(' ').nth(1).expect("CONNECT names a target").parse().expect("by its address");
    *kept.lock().unwrap() = head;
    let mut far = TcpSocket::new_v4().unwrap().connect(target).await.expect("the receiver listens");
    near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("the client waits for it");
    let _ = copy_bidirectional(&mut near, &mut far).await;
}
