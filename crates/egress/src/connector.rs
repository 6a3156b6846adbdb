//! Opening a connection: judge, dial, TLS, all within one time-out.
//!
//! Three services in one another: [`Connector`] bounds the time, `HttpsConnector` does TLS where the scheme
//! asks for it, and [`Dialer`] resolves, judges and dials. The dialling itself (several addresses, IPv6 and
//! IPv4 raced) is hyper-util's, which is given the judged addresses in place of a resolver and so cannot
//! reach any other.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::vec::IntoIter;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;
use tower_service::Service;

use crate::refusal::Refusal;
use crate::resolver::Resolver;
use crate::stream::Stream;
use crate::target::Target;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type BoxFuture<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// Why no connection came about, before TLS.
#[derive(Debug, Error)]
pub(crate) enum ConnectError {
    #[error("no permitted address")]
    Refused(#[source] Refusal),
    #[error("name not resolved")]
    Resolve(#[source] io::Error),
    #[error("not connected")]
    Dial(#[source] BoxError),
    #[error("not connected in time")]
    TimedOut,
    #[error("the URI names no host")]
    NoHost,
}

/// What the HTTP client calls for a connection to a scheme, host and port.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    https: HttpsConnector<Dialer>,
    timeout: Duration,
}

impl Connector {
    pub(crate) fn new(resolver: Resolver, roots: RootCertStore, timeout: Duration) -> Self {
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls_config(roots))
            .https_or_http()
            .enable_http1()
            .wrap_connector(Dialer { resolver, timeout });
        Self { https, timeout }
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<Stream>;
    type Error = BoxError;
    type Future = BoxFuture<Self::Response, BoxError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let timeout = self.timeout;
        let connecting = self.https.call(uri);
        // The bound is here and not only around the call: a caller that goes away leaves its connecting to go
        // on by itself, for the pool, and a server that stalls the handshake would keep that for good.
        Box::pin(async move {
            match tokio::time::timeout(timeout, connecting).await {
                Ok(outcome) => outcome,
                Err(_) => Err(ConnectError::TimedOut.into()),
            }
        })
    }
}

/// TLS 1.2 and 1.3 with the provider named, so that no process-wide default has to be set.
fn tls_config(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the aws-lc-rs provider has cipher suites for TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Resolves, judges and dials.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    resolver: Resolver,
    timeout: Duration,
}

impl Service<Uri> for Dialer {
    type Response = Stream;
    type Error = ConnectError;
    type Future = BoxFuture<Stream, ConnectError>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Self { resolver, timeout } = self.clone();
        Box::pin(async move {
            let target = Target::of_uri(&uri).ok_or(ConnectError::NoHost)?;
            let addresses = resolver.resolve(&target).await?;
            dial(uri, addresses, timeout).await
        })
    }
}

/// Dials the first of these addresses that answers. A literal address in the URI is the one that was judged,
/// so that it makes no difference that hyper-util reads it by itself.
async fn dial(uri: Uri, addresses: Vec<SocketAddr>, timeout: Duration) -> Result<Stream, ConnectError> {
    let mut tcp = HttpConnector::new_with_resolver(Pinned(addresses));
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    // Shared out among the addresses, so that a dead one leaves time for the next.
    tcp.set_connect_timeout(Some(timeout));
    tcp.call(uri).await.map(Stream::new).map_err(|error| ConnectError::Dial(error.into()))
}

/// A "resolver" that knows only the judged addresses.
#[derive(Clone, Debug)]
struct Pinned(Vec<SocketAddr>);

impl Service<Name> for Pinned {
    type Response = IntoIter<SocketAddr>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        ready(Ok(self.0.clone().into_iter()))
    }
}
