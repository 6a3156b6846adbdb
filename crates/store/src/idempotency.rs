//! Requests that may be repeated: the first answer under an `Idempotency-Key`, kept for whoever asks again.
//!
//! The actors: the *server* begins a request under its key, runs it, and completes it with the answer, or
//! forgets it when nothing happened. What is *not* guaranteed: an answer to a request whose process died
//! between the two, or of which it could not learn whether it was committed. Whether it happened is not known
//! then, and who repeats it is told so ([`Begun::Interrupted`]).

use std::time::Duration;

use ringback_domain::{ProjectId, Timestamp};
use zeroize::Zeroizing;

/// How long an answer is kept, counted from the request.
pub const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);

/// How long a request is run at most, generously: what was begun longer ago by another process is not being
/// run there any more, although its end was not written.
pub const RUN_FOR: Duration = Duration::from_secs(5 * 60);

/// Names one request that may be repeated.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// On whose behalf.
    pub project_id: ProjectId,
    /// Who asks, method and path, as in `project POST /v1/webhook_events`.
    pub route: String,
    /// What the caller chose: 1 to 255 printable ASCII characters.
    pub key: String,
}

/// The answer to a request.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// Its status.
    pub status_code: u16,
    /// Its body. May hold a secret that is shown once.
    pub body: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for StoredAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoredAnswer({}, [REDACTED])", self.status_code)
    }
}

/// Drawn for a request when it is first begun, and the same whenever it is run again: what is made from it is
/// made once.
pub type Nonce = [u8; 16];

/// What is known of a request when it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Nothing, or that it may be run again: it is to be run now and completed.
    New {
        /// Of the request's first beginning.
        nonce: Nonce,
    },
    /// It was begun by this process, or is repeatable and was begun by another that lives; nobody has
    /// completed or forgotten it. Only the caller's memory can tell whether it still runs.
    Running {
        /// Of the request's first beginning.
        nonce: Nonce,
    },
    /// It was begun by another process less than [`RUN_FOR`] ago, which lives and has neither completed nor
    /// forgotten it. Only of what is not repeatable: the rest is [`Begun::Running`], since to run it twice is
    /// harmless.
    RunningElsewhere,
    /// It was begun by a process that is gone, or does not run it any more; whether it happened is not known.
    Interrupted,
    /// It was run; this was the answer.
    Done(StoredAnswer),
    /// The key was used for a request with another body.
    OtherRequest,
}

/// A request at its beginning.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// Which.
    pub key: IdempotencyKey,
    /// The SHA-256 of its body.
    pub request_sha256: [u8; 32],
    /// Whether running it a second time is harmless, so that one which was interrupted is run again.
    pub repeatable: bool,
    /// Fresh random bytes, kept if this is the first.
    pub nonce: Nonce,
    /// Now.
    pub now: Timestamp,
}
