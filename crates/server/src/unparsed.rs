//! What cannot be read as a request, answered like all else: in the envelope, with an id that the log knows.
//!
//! The implementation of the protocol answers it by itself, before there is a request to hand over: a status,
//! and no body. There is no hook for it, so that answer is recognised on its way to the socket, and
//! exchanged. It is known by its form alone: every answer of ours has an id, this one never has.
//!
//! Not guaranteed: that it is recognised. Should it have to share a write with the end of a pipelined answer
//! before it, or come in another form after an update, it goes out as it is: bare, and right.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::error::ApiError;
use crate::random;

/// A stream to a client, on which bare answers are exchanged.
pub(crate) struct Exchange<S> {
    inner: S,
    /// What is being written in place of a bare answer, and how much of it is written.
    ours: Option<(Vec<u8>, usize)>,
}

impl<S> Exchange<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self { inner, ours: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Exchange<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Exchange<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.ours.is_none() {
            self.ours = bare_status(buf).map(|status| (answer(status), 0));
        }
        let Self { inner, ours } = &mut *self;
        let Some((bytes, written)) = ours else { return Pin::new(inner).poll_write(cx, buf) };
        while *written < bytes.len() {
            match ready!(Pin::new(&mut *inner).poll_write(cx, &bytes[*written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                more => *written += more,
            }
        }
        *ours = None;
        // To the writer it is its own answer that went out.
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match bufs {
            // A bare answer is a head and nothing else.
            [only] => self.poll_write(cx, only),
            _ => Pin::new(&mut self.inner).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// The status, if this is a whole answer of the protocol's implementation to what it could not read.
fn bare_status(answer: &[u8]) -> Option<StatusCode> {
    /// Longer than any of them.
    const LONGEST: usize = 256;
    if !answer.starts_with(b"HTTP/1.") || answer.len() > LONGEST {
        return None;
    }
    let (status_line, fields) =
        std::str::from_utf8(answer).ok()?.strip_suffix("\r\n\r\n")?.split_once("\r\n")?;
    let is_its_own = |field: &str| {
        ["connection: close", "content-length: 0"].contains(&field) || field.starts_with("date: ")
    };
    let status = status_line.split(' ').nth(1)?.parse().ok().filter(StatusCode::is_client_error)?;
    fields.split("\r\n").all(is_its_own).then_some(status)
}

/// The answer in its place. The connection is closed after it, because nobody knows where a next request
/// would begin.
fn answer(status: StatusCode) -> Vec<u8> {
    let error = match status {
        StatusCode::URI_TOO_LONG => {
            ApiError::new(status, "uri_too_long", "the URL is longer than those that are taken")
        }
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => ApiError::new(
            status,
            "headers_too_large",
            "the header fields are larger, or more, than are taken",
        ),
        _ => ApiError::new(status, "malformed_request", "this cannot be read as an HTTP/1.1 request"),
    };
    let id = random::id("req_");
    tracing::debug!(
        request.id = id,
        http.status_code = status.as_u16(),
        error.code = error.code(),
        "answered what is no request"
    );
    let body = error.to_json(&id);
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\nx-request-id: {id}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bare_answer_is_taken_for_one() {
        let bare = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\
                    date: Sun, 15 Jun 2025 15:06:40 GMT\r\n\r\n";
        assert_eq!(bare_status(bare.as_bytes()), Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
        for other in [
            &bare[..bare.len() - 2],
            &bare.replace("date", "x-request-id: req_1\r\ndate"),
            &bare.replace("length: 0", "length: 1"),
            &bare.replace("431", "500"),
            &bare.replace("431", "100"),
            &format!("{bare}x"),
            &format!("x{bare}"),
            "HTTP/1.1 100 Continue\r\n\r\n",
            "",
        ] {
            assert_eq!(bare_status(other.as_bytes()), None, "{other:?}");
        }
    }
}
