//! Opening a connection: judge, dial, TLS, all within one time-out.
//!
//! Three services in one another: [`Connector`] bounds the time, `HttpsConnector` does TLS where the scheme
//! asks for it, and [`Dialer`] resolves, judges and dials. With a proxy, the dialler asks that one for a
//! tunnel to what was judged, and TLS goes through the tunnel: the certificate is the endpoint's own.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::dial::dial;
use crate::lookup::LookupError;
use crate::proxy::Proxy;
use crate::refusal::Refusal;
use crate::resolver::Resolver;
use crate::stream::Stream;
use crate::target::Target;
use crate::tunnel::{self, TunnelError};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
type BoxFuture<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// Why no connection came about, before TLS.
#[derive(Debug, Error)]
pub(crate) enum ConnectError {
    #[error("no permitted address")]
    Refused(#[source] Refusal),
    #[error("name not resolved")]
    Resolve(#[source] LookupError),
    #[error("not connected")]
    Dial(#[source] BoxError),
    #[error("no tunnel")]
    Tunnel(#[source] TunnelError),
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
    pub(crate) fn new(
        resolver: Resolver,
        proxy: Option<Arc<Proxy>>,
        roots: RootCertStore,
        timeout: Duration,
    ) -> Self {
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls_config(roots))
            .https_or_http()
            .enable_http1()
            .wrap_connector(Dialer { resolver, proxy, timeout });
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

/// Resolves, judges and dials, or asks the proxy for a tunnel to what was judged.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    resolver: Resolver,
    proxy: Option<Arc<Proxy>>,
    timeout: Duration,
}

impl Dialer {
    async fn connect(self, uri: Uri) -> Result<Stream, ConnectError> {
        let target = Target::of_uri(&uri).ok_or(ConnectError::NoHost)?;
        let tcp = match self.proxy.as_deref() {
            Some(proxy) => self.tunnel(proxy, &target).await?,
            None => {
                let addresses = self.resolver.resolve(&target).await?;
                dial(uri, addresses, self.timeout).await.map_err(ConnectError::Dial)?
            }
        };
        Ok(Stream::new(tcp))
    }

    /// A tunnel to the first judged address that the proxy gets to; to the name itself if names are the
    /// proxy's.
    async fn tunnel(&self, proxy: &Proxy, target: &Target) -> Result<TokioIo<TcpStream>, ConnectError> {
        let authorities: Vec<String> = match target.name() {
            Some(name) if self.resolver.policy.leaves_names_to_proxy() => {
                vec![format!("{name}:{}", target.port)]
            }
            _ => {
                let addresses = self.resolver.resolve(target).await?;
                addresses
                    .iter()
                    .map(|address| SocketAddr::new(address.ip(), address.port()).to_string())
                    .collect()
            }
        };
        let mut outcome = Err(ConnectError::NoHost);
        for authority in authorities {
            outcome = self.tunnel_to(proxy, &authority).await.map_err(ConnectError::Tunnel);
            match &outcome {
                Err(ConnectError::Tunnel(error)) if error.is_about_the_address() => {}
                _ => break,
            }
        }
        outcome
    }

    async fn tunnel_to(&self, proxy: &Proxy, authority: &str) -> Result<TokioIo<TcpStream>, TunnelError> {
        let own = Target::of_uri(proxy.uri()).ok_or(TunnelError::NoTunnel)?;
        let addresses = match (own.literal(), own.name()) {
            (None, Some(name)) => {
                self.resolver.lookup.addresses(name).await.map_err(TunnelError::Resolve)?.to_vec()
            }
            // hyper-util reads a literal by itself.
            _ => Vec::new(),
        };
        let tcp = dial(proxy.uri().clone(), addresses, self.timeout).await.map_err(TunnelError::Dial)?;
        tunnel::open(tcp, proxy, authority).await
    }
}

impl Service<Uri> for Dialer {
    type Response = Stream;
    type Error = ConnectError;
    type Future = BoxFuture<Stream, ConnectError>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}
