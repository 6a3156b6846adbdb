//! TLS: the right name of a trusted issuer, or a reason that a person understands.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use rcgen::{CertificateParams, CertifiedKey, KeyPair, date_time_ymd};
use ringback_egress::{Answer, Client, ClientSettings, Policy, SendError};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::receiver::{AMPLE, Receiver, post, reason};

pub(crate) fn self_signed(name: &str, valid: bool) -> CertifiedKey<KeyPair> {
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("the name is a DNS name");
    params.not_before = date_time_ymd(2001, 1, 1);
    params.not_after = date_time_ymd(if valid { 4000 } else { 2002 }, 1, 1);
    let signing_key = KeyPair::generate().expect("a key can be made");
    let cert = params.self_signed(&signing_key).expect("a key can sign its own certificate");
    CertifiedKey { cert, signing_key }
}

/// Serves one connection on a thread of its own and returns the port.
pub(crate) fn serve_once(
    identity: &CertifiedKey<KeyPair>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> u16 {
    let key = PrivateKeyDer::Pkcs8(identity.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .expect("the provider knows these versions")
        .with_no_client_auth()
        .with_single_cert(vec![identity.cert.der().clone()], key)
        .expect("the key is the certificate's");
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
    let port = listener.local_addr().expect("a bound listener has an address").port();
    thread::spawn(move || {
        let (tcp, _) = listener.accept().expect("the client connects");
        let connection = ServerConnection::new(Arc::new(config)).expect("the configuration is complete");
        let mut tls = StreamOwned::new(connection, tcp);
        // A client that rejects the certificate ends the handshake here.
        if tls.read(&mut [0; 4096]).is_ok() {
            tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nsafe").expect("the client reads");
        }
    });
    port
}

pub(crate) fn trusting(identity: &CertifiedKey<KeyPair>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(identity.cert.der().clone()).expect("the certificate can be an anchor");
    roots
}

pub(crate) async fn get(roots: RootCertStore, host: &str, port: u16) -> Result<Answer, SendError> {
    let client = Client::new(Policy::dev(), roots, ClientSettings::default());
    client.send(post(&format!("https://{host}:{port}/")), AMPLE).await
}

#[tokio::test]
async fn the_right_name_of_a_trusted_issuer_in_both_versions() {
    let identity = self_signed("localhost", true);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let port = serve_once(&identity, &[version]);
        assert_eq!(get(trusting(&identity), "localhost", port).await.unwrap().body_start, "safe");
    }
}

#[tokio::test]
async fn a_literal_address_has_its_own_certificate() {
    let identity = self_signed("127.0.0.1", true);
    let port = serve_once(&identity, rustls::ALL_VERSIONS);
    assert_eq!(get(trusting(&identity), "127.0.0.1", port).await.unwrap().body_start, "safe");
}

#[tokio::test]
async fn an_untrusted_issuer() {
    let port = serve_once(&self_signed("localhost", true), rustls::ALL_VERSIONS);
    let reason = reason(get(RootCertStore::empty(), "localhost", port).await);
    assert_eq!(
        reason,
        "TLS: the certificate's issuer is not trusted (self-signed, or an intermediate is missing)"
    );
}

#[tokio::test]
async fn a_certificate_for_another_name() {
    let identity = self_signed("app.example.com", true);
    let port = serve_once(&identity, rustls::ALL_VERSIONS);
    let reason = reason(get(trusting(&identity), "localhost", port).await);
    assert_eq!(reason, "TLS: the certificate is for another name");
}

#[tokio::test]
async fn an_expired_certificate() {
    let identity = self_signed("localhost", false);
    let port = serve_once(&identity, rustls::ALL_VERSIONS);
    let reason = reason(get(trusting(&identity), "localhost", port).await);
    assert_eq!(reason, "TLS: the certificate has expired");
}

#[tokio::test]
async fn a_server_without_tls() {
    let plain = Receiver::start(|_, mut stream| async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        stream.read_u8().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        // Until the client has gone: closing first would reset what it still has to read.
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    })
    .await;
    let reason = reason(get(RootCertStore::empty(), "127.0.0.1", plain.port()).await);
    assert_eq!(reason, "TLS: the server does not answer with TLS");
}

#[tokio::test]
async fn a_server_that_closes_in_the_handshake() {
    let closing = Receiver::start(|_, mut stream| async move {
        use tokio::io::AsyncReadExt;
        stream.read_buf(&mut Vec::with_capacity(4096)).await.unwrap();
    })
    .await;
    let reason = reason(get(RootCertStore::empty(), "127.0.0.1", closing.port()).await);
    assert_eq!(reason, "connection closed in the middle of the exchange");
}
