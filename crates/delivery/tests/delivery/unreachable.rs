//! Receivers that no exchange can even begin with: no such name, and every way in which TLS is wrong.

use std::io::Read;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use ringback_domain::{AttemptOutcome, EventState};
use ringback_egress::Policy;
use ringback_testkit::{Receiver, World};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::only;

const RETRY_AFTER: Duration = Duration::from_secs(5);

/// A receiver with a certificate that nobody has vouched for; gives its URL. It ends with the test's process.
fn self_signed() -> String {
    let key = KeyPair::generate().expect("a key can be made");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("the name is a DNS name");
    let certificate = params.self_signed(&key).expect("a key can sign its own certificate");
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider knows the default versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .expect("the key is the certificate's");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
    let port = listener.local_addr().expect("a bound listener has an address").port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(stream), Ok(connection)) = (stream, ServerConnection::new(Arc::clone(&config))) else {
                return;
            };
            // The caller rejects the certificate, which ends the handshake here.
            let read = StreamOwned::new(connection, stream).read(&mut [0; 4096]);
            assert!(read.is_err(), "a call came over a connection that nobody can trust");
        }
    });
    format!("https://localhost:{port}/")
}

#[tokio::test]
async fn who_cannot_be_found_or_trusted_is_unreachable_says_why_and_holds_nobody_up() {
    let plain = Receiver::start().await;
    for (url, why) in [
        // The system's resolver refuses such a name by itself, without asking the network.
        ("http://-no-such-name/".to_owned(), "name not found"),
        (self_signed(), "issuer is not trusted"),
        (plain.url().replace("http:", "https:"), "does not answer with TLS"),
    ] {
        // One slot for all: whoever kept it would hold the other one up.
        let world = World::builder().policy(Policy::unrestricted()).settings(|s| s.max_in_flight = 1);
        let world = world.start().await;
        let healthy = Receiver::start().await;
        world.endpoint(&url, &["batch.failed"]).await;
        world.endpoint(&healthy.url(), &["batch.completed"]).await;

        let struck = world.dispatch("wh_struck", "batch.failed").await;
        let detail = world.attempted(struck, 1).await;
        let report = &only(&detail).attempts[0].report;
        assert_eq!((report.outcome, report.status_code), (AttemptOutcome::Unreachable, None), "{url}");
        assert!(report.error.as_ref().is_some_and(|error| error.contains(why)), "{url}: {:?}", report.error);

        let other = world.dispatch("wh_other", "batch.completed").await;
        assert_eq!(world.attempted(other, 1).await.event.state, EventState::Delivered);
        world.advance(RETRY_AFTER).await;
        let detail = world.attempted(struck, 2).await;
        assert_eq!(detail.event.state, EventState::Pending, "it is tried again on schedule");
    }
    assert_eq!(plain.call_count(), 0);
}
