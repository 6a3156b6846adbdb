//! A kept HTTP/1.1 connection, one request at a time.

use std::io;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its whole body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("the answer {} is not JSON ({error}): {:?}", self.status, self.body)
        })
    }
}

/// A connection to one server: opened when it is first needed, kept, and opened anew once the server has
/// closed it.
#[derive(Debug)]
pub struct HttpLine {
    authority: String,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    requests: SendRequest<Full<Bytes>>,
    /// Ends with the line.
    _driver: JoinSet<()>,
}

impl HttpLine {
    /// A line to the server that this URL names; nothing is dialled yet.
    ///
    /// # Panics
    /// When the text is not an absolute URL.
    #[must_use]
    pub fn new(url: &str) -> Self {
        let uri: Uri = url.parse().expect("a test's URL is a URL");
        let authority = uri.authority().expect("a test's URL names a host").to_string();
        Self { authority, open: None }
    }

    /// Sends a request, whose URI is a path, and reads the whole answer. `host` is added.
    ///
    /// # Errors
    /// When no complete answer came: nobody listens, or the connection broke. The server may have seen the
    /// request all the same.
    pub async fn send(&mut self, mut request: Request<Bytes>) -> io::Result<Answer> {
        let host = HeaderValue::from_str(&self.authority).map_err(io::Error::other)?;
        request.headers_mut().insert(header::HOST, host);
        // Taken out for the time of the exchange: a broken line is not used again.
        let mut open = match self.open.take() {
            Some(open) if !open.requests.is_closed() => open,
            _ => Open::dial(&self.authority).await?,
        };
        let answer = open.exchange(request.map(Full::new)).await.map_err(io::Error::other)?;
        self.open = Some(open);
        Ok(answer)
    }
}

impl Open {
    #[expect(clippy::disallowed_methods, reason = "the tests' own client is not the server's way out")]
    async fn dial(authority: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(authority).await?;
        stream.set_nodelay(true)?;
        let (requests, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // What breaks the connection is told to whoever waits for an answer.
            let _ = connection.await;
        });
        Ok(Self { requests, _driver: driver })
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Answer> {
        self.requests.ready().await?;
        let (head, body) = self.requests.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }
}
