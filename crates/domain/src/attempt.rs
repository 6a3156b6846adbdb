//! One HTTP try of a delivery.

use std::time::Duration;

use bytes::Bytes;

use crate::words::words;
use crate::{AttemptId, Timestamp};

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptOutcome {
    /// Answered 200 to 299.
    Succeeded,
    /// Answered with any other status; redirects are not followed.
    HttpError,
    /// No answer within the endpoint's time-out.
    Timeout,
    /// No HTTP answer: the name did not resolve, the connection failed or broke, TLS failed, or what came was
    /// not HTTP.
    Unreachable,
    /// Not sent: the guard on outbound connections refused the address.
    Blocked,
}

words!("attempt outcome", AttemptOutcome {
    Succeeded = "succeeded",
    HttpError = "http_error",
    Timeout = "timeout",
    Unreachable = "unreachable",
    Blocked = "blocked",
});

impl AttemptOutcome {
    /// The outcome that an answer with this status is: 2xx succeeds, all else fails (OpenAI's webhooks
    /// guide).
    #[must_use]
    pub const fn of_status(status: u16) -> Self {
        if matches!(status, 200..=299) { Self::Succeeded } else { Self::HttpError }
    }
}

/// What one try brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptReport {
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// The status of the answer, if there was one.
    pub status_code: Option<u16>,
    /// What went wrong, for people; never a secret or a payload. `None` when there was an HTTP answer.
    pub error: Option<String>,
    /// The start of the answer's body; at most 16 KiB.
    pub response_body: Bytes,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took, in milliseconds of the monotonic clock.
    pub duration_ms: u32,
}

/// What a receiver asks for in the headers of its answer. Not stored: what follows from it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Advice {
    /// `Retry-After`, as a delay: not before that (RFC 9110, section 10.2.3).
    pub retry_after: Option<Duration>,
    /// `webhook-delivery: abort-message`: no further attempt of this delivery.
    pub abort: bool,
}

/// An attempt as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// `wha_…`.
    pub id: AttemptId,
    /// 1 for a delivery's first attempt. Doubles of one lease may share a number.
    pub number: u32,
    /// What it brought back.
    pub report: AttemptReport,
}
