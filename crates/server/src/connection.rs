//! One connection: HTTP/1.1 requests, one after the other.
//!
//! What is refused before it is a request (400, 414, 431) never comes to the `edge`; it is answered in
//! [`unparsed`](crate::unparsed).

use std::pin::pin;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::settings::ServerSettings;
use crate::unparsed::Exchange;

/// The least that the HTTP implementation takes for a buffer, in bytes.
const MIN_BUFFER_BYTES: usize = 8192;

/// How a connection is told to end.
#[derive(Clone)]
pub(crate) struct Stop {
    /// After the request under way, if there is one.
    pub(crate) finish: CancellationToken,
    /// At once.
    pub(crate) cut: CancellationToken,
}

/// The protocol with its limits.
pub(crate) fn http1(settings: &ServerSettings) -> http1::Builder {
    let head_bytes = settings.max_header_bytes.max(MIN_BUFFER_BYTES);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(settings.head_timeout)
        .max_headers(settings.max_headers)
        .max_header_size(head_bytes)
        .max_buf_size(head_bytes)
        // A sender that closes its half once it has sent all still wants its answer.
        .half_close(true)
        .keep_alive(true);
    http
}

/// Serves a connection to its end.
pub(crate) async fn run(http: http1::Builder, stream: TcpStream, router: Router, stop: Stop) {
    let stream = TokioIo::new(Exchange::new(stream));
    let connection = http.serve_connection(stream, TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.finish.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                result = connection => result,
                () = stop.cut.cancelled() => Ok(()),
            }
        }
    };
    if let Err(error) = result {
        // Broken off, too slow, or not HTTP: the client's doing, and told to it where possible.
        tracing::debug!(error = &error as &dyn std::error::Error, "connection ended early");
    }
}
