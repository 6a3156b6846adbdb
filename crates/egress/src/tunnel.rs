//! A tunnel through a proxy: one `CONNECT`, and then bytes.
//!
//! The answer is read by hyper, with its limits. What is not a plain yes is told apart: whether the proxy
//! wants credentials, forbids the target, cannot reach it or is no proxy is what its operator has to know,
//! and the `Tunnel` of hyper-util keeps to itself.

use std::pin::pin;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::TcpStream;

use crate::connector::BoxError;
use crate::lookup::LookupError;
use crate::proxy::Proxy;

/// The head of the proxy's answer may have this many bytes: 16 KiB.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Why the proxy opened no tunnel.
#[derive(Debug, Error)]
pub(crate) enum TunnelError {
    #[error("the proxy's name was not resolved")]
    Resolve(#[source] LookupError),
    #[error("the proxy was not connected to")]
    Dial(#[source] BoxError),
    #[error("the proxy answered with status {0}")]
    Status(StatusCode),
    #[error("the proxy gave no answer")]
    NoAnswer(#[source] hyper::Error),
    #[error("the proxy did not become a tunnel")]
    NoTunnel,
}

impl TunnelError {
    /// Whether the proxy says that it did not get to this address, so that another may do.
    pub(crate) fn is_about_the_address(&self) -> bool {
        matches!(
            self,
            Self::Status(
                StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
            )
        )
    }
}

/// Asks the proxy at the other end of `stream` for a tunnel to `authority` (host and port).
pub(crate) async fn open(
    stream: TokioIo<TcpStream>,
    proxy: &Proxy,
    authority: &str,
) -> Result<TokioIo<TcpStream>, TunnelError> {
    let request = connect(proxy, authority).map_err(|error| TunnelError::Dial(error.into()))?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD_BYTES)
        .handshake(stream)
        .await
        .map_err(TunnelError::NoAnswer)?;
    let mut connection = pin!(connection.with_upgrades());
    let mut answer = pin!(async {
        let response = sender.send_request(request).await.map_err(TunnelError::NoAnswer)?;
        match response.status() {
            status if status.is_success() => {
                hyper::upgrade::on(response).await.map_err(TunnelError::NoAnswer)
            }
            status => Err(TunnelError::Status(status)),
        }
    });
    // The connection does the reading and writing; that it ends is told to the answer too.
    let upgraded = tokio::select! {
        answer = &mut answer => answer?,
        _ = &mut connection => answer.await?,
    };
    let parts = upgraded.downcast::<TokioIo<TcpStream>>().map_err(|_| TunnelError::NoTunnel)?;
    // The other end speaks when it is spoken to, so these bytes would be the proxy's own.
    if parts.read_buf.is_empty() { Ok(parts.io) } else { Err(TunnelError::NoTunnel) }
}

fn connect(proxy: &Proxy, authority: &str) -> Result<Request<Empty<Bytes>>, http::Error> {
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri(authority)
        .header(header::HOST, authority)
        .body(Empty::new())?;
    if let Some(authorization) = proxy.authorization() {
        request.headers_mut().insert(header::PROXY_AUTHORIZATION, authorization.clone());
    }
    Ok(request)
}
