//! The limits of the HTTP server, and what it must be told about itself.

use std::time::Duration;

use url::Url;

/// How the server listens and what it takes. Each limit has a clear answer on its other side.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Where this server is reached from outside, the beginning of every source's `url`; never taken from a
    /// request's `Host`. May have a path, if a proxy in front adds one. Default `http://127.0.0.1:4600`.
    pub public_url: Url,
    /// Shown by `/healthz`. Default: the version of this crate.
    pub version: &'static str,
    /// Which of the nodes that share a database this one is. Shown by `/healthz`. Default: none, for a node
    /// that is alone.
    pub node: Option<String>,
    /// What kind of database the store is on, in one word. Shown by `/readyz`. Default `sqlite`.
    pub database: &'static str,
    /// The largest body of an ingest call, in bytes; a larger one is answered 413. Default 1 MiB.
    pub max_body_bytes: usize,
    /// The largest body of a batch that is published, in bytes; a larger one is answered 413. Default 16 MiB.
    pub max_batch_bytes: usize,
    /// Memory for the bodies of ingest calls and publications that are under way, in bytes, over all
    /// connections; one that does not fit is answered 503. Never less than one body. Default 64 MiB.
    pub max_ingest_bytes: usize,
    /// Ingest calls of one source that are under way at once, at least 1; further ones are answered 503.
    /// Default 400, half of the connections, so that a source that floods leaves room for the others.
    pub max_ingest_calls_per_source: usize,
    /// The same for the bodies of these calls, in bytes; one call is always taken. Default 32 MiB, half of
    /// `max_ingest_bytes`.
    pub max_ingest_bytes_per_source: usize,
    /// The most header fields of a request; more are answered 431. Default 100.
    pub max_headers: usize,
    /// The largest head of a request (request line and header fields), in bytes; a larger one is answered
    /// 431. At least 8,192, which smaller values count as. Default 32 KiB.
    pub max_header_bytes: usize,
    /// Connections at once, at least 1; further ones wait in the system's queue. Default 800, which leaves
    /// room for files and outgoing connections under the usual limit of 1,024 open files per process.
    pub max_connections: usize,
    /// How long the head of a request may take, counted from the end of the answer before it: so also how
    /// long a kept connection may be idle. Then the connection is closed. Default 10 s.
    pub head_timeout: Duration,
    /// How long the body of a request may take; then it is answered 408. Default 10 s.
    pub body_timeout: Duration,
    /// How long requests under way may take to finish when the server stops; then they are cut off. Default
    /// 10 s.
    pub shutdown_grace: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            public_url: Url::parse("http://127.0.0.1:4600").expect("the constant is a URL"),
            version: env!("CARGO_PKG_VERSION"),
            node: None,
            database: "sqlite",
            max_body_bytes: 1024 * 1024,
            max_batch_bytes: 16 * 1024 * 1024,
            max_ingest_bytes: 64 * 1024 * 1024,
            max_ingest_calls_per_source: 400,
            max_ingest_bytes_per_source: 32 * 1024 * 1024,
            max_headers: 100,
            max_header_bytes: 32 * 1024,
            max_connections: 800,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            shutdown_grace: Duration::from_secs(10),
        }
    }
}
