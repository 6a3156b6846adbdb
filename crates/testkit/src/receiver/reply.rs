//! What a receiver does with a call.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use tokio::sync::watch;

/// What is done with one call.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(super) gate: Option<Gate>,
    pub(super) delay: Duration,
    pub(super) act: Act,
}

#[derive(Debug, Clone)]
pub(super) enum Act {
    /// A head, and a body that ends.
    Respond { status: StatusCode, headers: Vec<(HeaderName, HeaderValue)>, body: Bytes },
    /// Status 200, and a body that never ends.
    EndlessBody,
    /// Nothing, for as long as the caller stays.
    Hang,
    /// The connection is closed in good order, without an answer.
    CloseBeforeHead,
    /// The connection is reset, without an answer.
    Reset,
    /// These bytes as they are, then the end of the connection, or nothing more for as long as the caller
    /// stays. With a pause before each byte, if one is given.
    Raw { bytes: Bytes, hang: bool, pause: Option<Duration> },
}

impl Reply {
    /// Answers with this status and no body.
    ///
    /// # Panics
    /// When that is no status.
    #[must_use]
    pub fn status(status: u16) -> Self {
        let status = StatusCode::from_u16(status).expect("a test's status is one");
        Act::Respond { status, headers: Vec::new(), body: Bytes::new() }.into()
    }

    /// Answers with a redirect to this URL.
    ///
    /// # Panics
    /// When the status is none, or the URL not ASCII.
    #[must_use]
    pub fn redirect(status: u16, to: &str) -> Self {
        let location = HeaderValue::from_str(to).expect("a test's URL is ASCII");
        Self::status(status).with_header(header::LOCATION, location)
    }

    /// Answers 200, and sends a body without end.
    #[must_use]
    pub fn endless_body() -> Self {
        Act::EndlessBody.into()
    }

    /// Never answers.
    #[must_use]
    pub fn hang() -> Self {
        Act::Hang.into()
    }

    /// Closes the connection before the head of an answer.
    #[must_use]
    pub fn close_before_head() -> Self {
        Act::CloseBeforeHead.into()
    }

    /// Resets the connection before the head of an answer.
    #[must_use]
    pub fn reset() -> Self {
        Act::Reset.into()
    }

    /// Sends these bytes, HTTP or not, and closes the connection.
    #[must_use]
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Act::Raw { bytes: bytes.into(), hang: false, pause: None }.into()
    }

    /// Sends these bytes, HTTP or not, and then nothing more for as long as the caller stays.
    #[must_use]
    pub fn raw_then_hang(bytes: impl Into<Bytes>) -> Self {
        Act::Raw { bytes: bytes.into(), hang: true, pause: None }.into()
    }

    /// Sends these bytes one by one with such a pause before each, and then nothing more for as long as the
    /// caller stays.
    #[must_use]
    pub fn drip(bytes: impl Into<Bytes>, pause: Duration) -> Self {
        Act::Raw { bytes: bytes.into(), hang: true, pause: Some(pause) }.into()
    }

    /// The same, but only after this span of real time: a receiver that is slow at its work.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// With this header field too, if it answers with a head of its own.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        if let Act::Respond { headers, .. } = &mut self.act {
            headers.push((name, value));
        }
        self
    }

    /// With this body, if it answers with one that ends.
    #[must_use]
    pub fn with_body(mut self, bytes: impl Into<Bytes>) -> Self {
        if let Act::Respond { body, .. } = &mut self.act {
            *body = bytes.into();
        }
        self
    }

    /// The same, but not before the gate is open.
    #[must_use]
    pub fn behind(self, gate: &Gate) -> Self {
        Self { gate: Some(gate.clone()), ..self }
    }
}

impl From<Act> for Reply {
    fn from(act: Act) -> Self {
        Self { gate: None, delay: Duration::ZERO, act }
    }
}

/// Holds replies back until a test opens it, for good. Clones are handles to the same one.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    open: Arc<watch::Sender<bool>>,
}

impl Gate {
    /// A gate that is shut.
    #[must_use]
    pub fn shut() -> Self {
        Self::default()
    }

    /// Lets everybody through from now on.
    pub fn open(&self) {
        self.open.send_replace(true);
    }

    /// Waits until it is open. Not bounded: whoever called the receiver has a time-out.
    pub(crate) async fn passed(&self) {
        let mut open = self.open.subscribe();
        open.wait_for(|open| *open).await.expect("the gate itself holds the sending end");
    }
}
