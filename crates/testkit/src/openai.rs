//! The caller: what OpenAI does when a job is done.

use std::io;

use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header};
use ringback_webhook::{SigningSecret, UnixSeconds};

use crate::http_line::{Answer, HttpLine};

/// The `user-agent` that OpenAI's calls bear.
pub const USER_AGENT: &str = "OpenAI/1.0 (+https://platform.openai.com/docs/webhooks)";

/// Signs and posts to one ingest URL, over a connection that is kept.
#[derive(Debug)]
pub struct OpenAi {
    path: String,
    secret: SigningSecret,
    line: HttpLine,
}

impl OpenAi {
    /// A caller of this ingest URL, with the secret that its source knows.
    ///
    /// # Panics
    /// When the text is not an absolute URL.
    #[must_use]
    pub fn new(url: &str, secret: SigningSecret) -> Self {
        let uri: Uri = url.parse().expect("an ingest URL is a URL");
        Self { path: uri.path().to_owned(), secret, line: HttpLine::new(url) }
    }

    /// Posts a call, signed with this id and timestamp.
    ///
    /// # Errors
    /// When no complete answer came; the call may have been taken all the same, as with every sender.
    ///
    /// # Panics
    /// When the id or the timestamp cannot be signed.
    pub async fn post(
        &mut self,
        webhook_id: &str,
        timestamp: UnixSeconds,
        body: impl Into<Bytes>,
    ) -> io::Result<Answer> {
        let body = body.into();
        let signed = ringback_webhook::sign([&self.secret], webhook_id, timestamp, &body)
            .expect("a test's id and timestamp can be signed");
        let mut request = Request::post(&self.path)
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(header::USER_AGENT, HeaderValue::from_static(USER_AGENT))
            .body(body)
            .expect("the path of a URL is a path");
        signed.apply(request.headers_mut());
        self.line.send(request).await
    }
}
