//! Dialling judged addresses.
//!
//! The dialling itself (several addresses, IPv6 and IPv4 raced) is hyper-util's, which is given the judged
//! addresses in place of a resolver and so cannot reach any other.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;
use std::vec::IntoIter;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::connector::BoxError;

/// Dials the first of these addresses that answers. A literal address in the URI is the one that was judged,
/// so that it makes no difference that hyper-util reads it by itself.
pub(crate) async fn dial(
    uri: Uri,
    addresses: Vec<SocketAddr>,
    timeout: Duration,
) -> Result<TokioIo<TcpStream>, BoxError> {
    let mut tcp = HttpConnector::new_with_resolver(Pinned(addresses));
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    // Shared out among the addresses, so that a dead one leaves time for the next.
    tcp.set_connect_timeout(Some(timeout));
    tcp.call(uri).await.map_err(Into::into)
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
