//! Why a call got no answer.

use std::fmt;

use thiserror::Error;

use crate::refusal::Refusal;

/// Why a call got no answer. An answer with any status, an error's too, is none of these.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SendError {
    /// The time was up before the head of a response had come.
    #[error("timed out {stage}")]
    Timeout {
        /// How far the call had come.
        stage: Stage,
    },
    /// No connection, or none that gave an HTTP response.
    #[error("{reason}")]
    Unreachable {
        /// A short text for people, such as `connection refused`, `name not found`, `TLS: the certificate has
        /// expired`, `the proxy cannot reach the target (502)`. It never holds the URL, the request or what
        /// the other side sent.
        reason: String,
    },
    /// The policy does not permit the target; nothing was sent.
    #[error(transparent)]
    Blocked(#[from] Refusal),
}

/// How far a call had come when its time was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Resolving the name, dialling, or in the TLS handshake: the request had not been sent.
    Connect,
    /// The same for a client that has a proxy: it was not reached, or opened no tunnel, or what is at the
    /// tunnel's other end kept silent. The request had not been sent.
    Proxy,
    /// Sending the request, or waiting for the response: the receiver may have seen the request.
    Response,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "while connecting",
            Self::Proxy => "while connecting through the proxy",
            Self::Response => "waiting for the response",
        })
    }
}
