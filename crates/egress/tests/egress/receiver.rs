//! A receiver whose every byte a test decides, and the client's side of a test.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use ringback_egress::{Answer, Client, ClientSettings, Policy, ResponseLimits, SendError};
use rustls::RootCertStore;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A listener on 127.0.0.1 that hands each connection to the test's script.
pub(crate) struct Receiver {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    _accepting: JoinSet<()>,
}

impl Receiver {
    /// `script` is given each connection and its number, from 0.
    pub(crate) async fn start<F, S>(script: F) -> Self
    where
        F: Fn(usize, TcpStream) -> S + Send + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback can be bound");
        let address = listener.local_addr().expect("a bound listener has an address");
        let accepted = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&accepted);
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut scripts = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                scripts.spawn(script(counter.fetch_add(1, Ordering::SeqCst), stream));
            }
        });
        Self { address, accepted, _accepting: accepting }
    }

    /// Answers every request, over kept connections, with these bytes.
    pub(crate) async fn answering(response: impl Into<Vec<u8>>) -> Self {
        let response: Arc<Vec<u8>> = Arc::new(response.into());
        Self::start(move |_, mut stream| {
            let response = Arc::clone(&response);
            async move {
                while read_request(&mut stream).await.is_some() {
                    if stream.write_all(&response).await.is_err() {
                        return;
                    }
                }
            }
        })
        .await
    }

    /// Reads one request on each connection, answers with these bytes, and closes.
    pub(crate) async fn answering_once(response: impl Into<Vec<u8>>) -> Self {
        let response: Arc<Vec<u8>> = Arc::new(response.into());
        Self::start(move |_, mut stream| {
            let response = Arc::clone(&response);
            async move {
                read_request(&mut stream).await;
                // The client may have heard enough before the end.
                let _ = stream.write_all(&response).await;
            }
        })
        .await
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hooks", self.address)
    }

    /// How many connections there have been.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

/// One request, head and body by its content-length; none when the client has closed.
pub(crate) async fn read_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    let head_len = loop {
        if let Some(at) = request.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        read_more(stream, &mut request).await?;
    };
    let head = String::from_utf8_lossy(&request[..head_len]).to_lowercase();
    let body_len = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .map_or(0, |length| length.trim().parse().expect("the client sends a number"));
    while request.len() < head_len + body_len {
        read_more(stream, &mut request).await?;
    }
    Some(request)
}

async fn read_more(stream: &mut TcpStream, into: &mut Vec<u8>) -> Option<()> {
    match stream.read_buf(into).await {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(()),
    }
}

/// A client that trusts no issuer, with the settings of a server.
pub(crate) fn client(policy: Policy) -> Client {
    Client::new(policy, RootCertStore::empty(), ClientSettings::default())
}

/// A small POST.
pub(crate) fn post(url: &str) -> Request<Bytes> {
    Request::post(url)
        .header("content-type", "application/json")
        .body(Bytes::from_static(b"{\"type\":\"batch.completed\"}"))
        .expect("the test's URL is a URI")
}

/// A time-out that passing tests never reach.
pub(crate) const AMPLE: ResponseLimits =
    ResponseLimits { timeout: Duration::from_secs(20), max_read_bytes: 4096, max_kept_bytes: 1024 };

/// A time-out to be reached.
pub(crate) const SHORT: ResponseLimits = ResponseLimits { timeout: Duration::from_millis(150), ..AMPLE };

/// Sends a small POST to the receiver, with a client of its own under `serve --dev`.
pub(crate) async fn call(receiver: &Receiver, limits: ResponseLimits) -> Result<Answer, SendError> {
    client(Policy::dev()).send(post(&receiver.url()), limits).await
}

/// The reason of a failed call.
pub(crate) fn reason(outcome: Result<Answer, SendError>) -> String {
    match outcome {
        Err(SendError::Unreachable { reason }) => reason,
        Err(other) => panic!("unreachable was expected, not {other:?}"),
        Ok(answer) => panic!("unreachable was expected, not an answer with status {}", answer.status),
    }
}

/// Lets the connections' own tasks finish with the last exchange: an idle one is returned to the pool by
/// them.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}
