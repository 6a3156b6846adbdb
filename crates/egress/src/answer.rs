//! What came back, and how much of it is read.

use std::fmt;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout_at};

use crate::settings::ResponseLimits;

/// An HTTP response, with the start of its body.
///
/// The status line decides. Once the head has come the receiver has given its verdict, and a body that then
/// breaks off, stalls or never ends does not take it back: it only makes
/// [`body_complete`](Self::body_complete) false.
///
/// Its `Debug` form shows sizes only: what receivers say is theirs, and has no place in a log.
#[derive(Clone)]
pub struct Answer {
    /// Its status; a redirect too, which is never followed.
    pub status: StatusCode,
    /// Its header fields: at most 100, and bounded by [`MAX_HEAD_BYTES`](crate::MAX_HEAD_BYTES).
    pub headers: HeaderMap,
    /// The start of the body, at most [`ResponseLimits::max_kept_bytes`].
    pub body_start: Bytes,
    /// Whether the body was read to its end, within [`ResponseLimits::max_read_bytes`] and in time. It may be
    /// longer than `body_start` all the same.
    pub body_complete: bool,
}

impl Answer {
    /// Reads as much of the body as the limits permit. Dropping the rest of an unfinished one closes its
    /// connection; one that was read to the end leaves it to be used again.
    pub(crate) async fn read(
        response: http::Response<Incoming>,
        deadline: Instant,
        limits: ResponseLimits,
    ) -> Self {
        let (head, body) = response.into_parts();
        let (body_start, body_complete) = read_start(body, deadline, limits).await;
        Self { status: head.status, headers: head.headers, body_start, body_complete }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("header_count", &self.headers.len())
            .field("body_start_bytes", &self.body_start.len())
            .field("body_complete", &self.body_complete)
            .finish()
    }
}

async fn read_start(mut body: Incoming, deadline: Instant, limits: ResponseLimits) -> (Bytes, bool) {
    let max_kept = limits.max_kept_bytes.min(limits.max_read_bytes);
    let mut kept = BytesMut::new();
    let mut unread = limits.max_read_bytes;
    while !body.is_end_stream() {
        let data = match timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
            Ok(None) => break,
            Ok(Some(Err(_))) | Err(_) => return (kept.freeze(), false),
        };
        let room = max_kept - kept.len();
        kept.extend_from_slice(&data[..data.len().min(room)]);
        match unread.checked_sub(data.len()) {
            Some(rest) => unread = rest,
            None => return (kept.freeze(), false),
        }
    }
    (kept.freeze(), true)
}
