//! The limits of a client and of one call.

use std::time::Duration;

/// How a [`Client`](crate::Client) connects and what it keeps open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientSettings {
    /// The longest that resolving, dialling and the TLS handshake may take together. Default 5 s.
    ///
    /// It also bounds a connection that nobody waits for any more; one call is bounded by
    /// [`ResponseLimits::timeout`] too.
    pub connect_timeout: Duration,
    /// How long an unused connection is kept. Default 30 s: below the idle limit of the usual servers and
    /// load balancers, so that it is mostly this side that closes.
    pub pool_idle_timeout: Duration,
    /// How many unused connections are kept for one scheme, host and port. Default 16; 0 keeps none.
    pub max_idle_per_host: usize,
    /// How many names are resolved at once; further ones wait. Each takes a thread of the runtime for as long
    /// as the system's resolver does, so this keeps a dead name server from taking them all. Default 32, at
    /// least 1.
    pub max_lookups: usize,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            pool_idle_timeout: Duration::from_secs(30),
            max_idle_per_host: 16,
            max_lookups: 32,
        }
    }
}

/// How long a call may take, and how much of its answer is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseLimits {
    /// The whole exchange: resolving, connecting, TLS, the request, the head of the response, and the part of
    /// its body that is read. Default [`DEFAULT_TIMEOUT`](Self::DEFAULT_TIMEOUT), at most a day.
    pub timeout: Duration,
    /// The most bytes of the body that are read; a longer body is cut there and its connection closed.
    /// Default [`DEFAULT_MAX_READ_BYTES`](Self::DEFAULT_MAX_READ_BYTES).
    pub max_read_bytes: usize,
    /// The most bytes of the body that are kept in the answer. Default
    /// [`DEFAULT_MAX_KEPT_BYTES`](Self::DEFAULT_MAX_KEPT_BYTES); no more than `max_read_bytes` in any case.
    pub max_kept_bytes: usize,
}

impl ResponseLimits {
    /// 10 seconds.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
    /// 64 KiB: enough for what a receiver says, and for its connection to be used again.
    pub const DEFAULT_MAX_READ_BYTES: usize = 64 * 1024;
    /// 16 KiB.
    pub const DEFAULT_MAX_KEPT_BYTES: usize = 16 * 1024;
    /// All three defaults.
    pub const DEFAULT: Self = Self {
        timeout: Self::DEFAULT_TIMEOUT,
        max_read_bytes: Self::DEFAULT_MAX_READ_BYTES,
        max_kept_bytes: Self::DEFAULT_MAX_KEPT_BYTES,
    };
}

impl Default for ResponseLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
