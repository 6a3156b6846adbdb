//! What a handler left unread of a request's body.
//!
//! A call that is refused by its head is answered while its sender is still busy with the body. Were the
//! connection closed then, many clients would report a broken pipe and never see the answer that says what to
//! put right. So the rest is read and thrown away first, within bounds: what is larger or slower loses its
//! connection.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use bytes::Bytes;
use http::header;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Frame, SizeHint};

/// The most that is read and thrown away, in bytes.
const MAX_BYTES: usize = 1024 * 1024;
/// The longest that this may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A body that its handler and the `edge` hold together; one after the other reads it.
#[derive(Clone)]
pub(crate) struct SharedBody(Arc<Mutex<Body>>);

/// Keeps a hand on the body of a request. `None` if there is nothing that could be left: there is no body, or
/// its sender waits to be told to send it.
pub(crate) fn keep(request: Request) -> (Request, Option<SharedBody>) {
    if request.body().is_end_stream() || request.headers().contains_key(header::EXPECT) {
        return (request, None);
    }
    let (head, body) = request.into_parts();
    let body = SharedBody(Arc::new(Mutex::new(body)));
    (Request::from_parts(head, Body::new(body.clone())), Some(body))
}

impl SharedBody {
    /// Reads to the end, if that is near.
    pub(crate) async fn drain(self) {
        let too_much = self.size_hint().lower() > u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
        if self.is_end_stream() || too_much {
            return;
        }
        let mut rest = Limited::new(self, MAX_BYTES);
        let read_all = async { while let Some(Ok(_)) = rest.frame().await {} };
        // What was not read in time is for the connection to deal with: it closes.
        let _in_time = tokio::time::timeout(TIMEOUT, read_all).await;
    }

    fn with<T>(&self, use_it: impl FnOnce(Pin<&mut Body>) -> T) -> T {
        // A reader that panicked left the body readable or failed, either of which the next one is told.
        use_it(Pin::new(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl HttpBody for SharedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.with(|body| body.poll_frame(context))
    }

    fn is_end_stream(&self) -> bool {
        self.with(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|body| body.size_hint())
    }
}
