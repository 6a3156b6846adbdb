//! The receiver's side of its connections.

use std::convert::Infallible;
use std::future::{self, Future};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::reply::{Act, Reply};
use super::{Call, Desk, Running};

/// Accepts until the receiver is dropped.
pub(super) async fn accept(listener: TcpListener, desk: Arc<Desk>) {
    let mut connections = JoinSet::new();
    for number in 0.. {
        let Ok((stream, _)) = listener.accept().await else { return };
        connections.spawn(serve(stream, number, Arc::clone(&desk)));
        while connections.try_join_next().is_some() {}
    }
}

/// Serves one connection, and ends it as its last reply says.
async fn serve(stream: TcpStream, number: usize, desk: Arc<Desk>) {
    let end = Arc::new(Mutex::new(None));
    let service = service_fn(|request| -> Answering {
        let (desk, end) = (Arc::clone(&desk), Arc::clone(&end));
        Box::pin(async move { answer(request, number, &desk, &end).await })
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // The socket is wanted back, since how it is closed is part of the script. An error is the caller's going
    // away, or ours.
    let _ = future::poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    let stream = connection.into_parts().io.into_inner();
    let end = end.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(end) = end {
        finish(stream, end).await;
    }
}

/// How a connection ends that is not left to HTTP.
enum End {
    Reset,
    Raw { bytes: Bytes, hang: bool, pause: Option<Duration>, _running: Running },
}

/// Ends a connection. That the caller has gone away meanwhile is no matter.
async fn finish(mut stream: TcpStream, end: End) {
    match end {
        // If this fails the caller sees an orderly end, which is no answer either.
        End::Reset => drop(stream.set_zero_linger()),
        End::Raw { bytes, hang, pause, _running } => {
            if send(&mut stream, &bytes, pause).await.is_ok() && hang {
                let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
            }
        }
    }
}

/// All at once, or byte by byte.
async fn send(stream: &mut TcpStream, bytes: &[u8], pause: Option<Duration>) -> std::io::Result<()> {
    let Some(pause) = pause else { return stream.write_all(bytes).await };
    for byte in bytes {
        tokio::time::sleep(pause).await;
        stream.write_all(&[*byte]).await?;
    }
    Ok(())
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<AnyBody>, NoAnswer>> + Send>>;
type AnyBody = Either<Full<Bytes>, Endless>;

/// The connection is to end without an answer.
#[derive(Debug)]
struct NoAnswer;

impl std::fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("scripted to give no answer")
    }
}

impl std::error::Error for NoAnswer {}

async fn answer(
    request: Request<Incoming>,
    connection: usize,
    desk: &Arc<Desk>,
    end: &Mutex<Option<End>>,
) -> Result<Response<AnyBody>, NoAnswer> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| NoAnswer)?.to_bytes();
    let Reply { gate, delay, act } = desk.next_reply();
    let running = desk.note(Call {
        connection,
        method: head.method,
        path: head.uri.to_string(),
        headers: head.headers,
        body,
        received: Instant::now(),
    });
    if let Some(gate) = gate {
        gate.passed().await;
    }
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let end_with = |how| *end.lock().unwrap_or_else(PoisonError::into_inner) = Some(how);
    match act {
        Act::Respond { status, headers, body } => {
            let mut response = Response::new(Either::Left(Full::new(body)));
            *response.status_mut() = status;
            response.headers_mut().extend(headers);
            Ok(response)
        }
        Act::EndlessBody => {
            let mut response = Response::new(Either::Right(Endless));
            *response.status_mut() = StatusCode::OK;
            Ok(response)
        }
        Act::Hang => future::pending().await,
        Act::CloseBeforeHead => Err(NoAnswer),
        Act::Reset => {
            end_with(End::Reset);
            Err(NoAnswer)
        }
        Act::Raw { bytes, hang, pause } => {
            end_with(End::Raw { bytes, hang, pause, _running: running });
            Err(NoAnswer)
        }
    }
}

/// A body that goes on for as long as somebody reads it.
struct Endless;

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'.'; 1024])))))
    }
}
