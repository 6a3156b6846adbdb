//! HTTP in: verify, read, commit, answer.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ringback_webhook::{EnvelopeHead, Verifier};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::courier::{Couriers, Parcel};
use super::rows::Arrival;
use super::writer::Writer;
use crate::failure::Failure;
use crate::{clock, key};

/// The one path that there is.
pub(crate) const PATH: &str = "/in/bench";

struct Desk {
    verifier: Verifier,
    writer: Writer,
    couriers: Option<Couriers>,
}

/// Takes calls for ever.
pub(super) async fn serve(
    listener: TcpListener,
    writer: Writer,
    couriers: Option<Couriers>,
) -> Result<(), Failure> {
    let desk = Arc::new(Desk { verifier: Verifier::new([key::source()]), writer, couriers });
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.map_err(Failure::io("accept a connection"))?;
        connections.spawn(connection(stream, Arc::clone(&desk)));
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, desk: Arc<Desk>) {
    // A connection without it is slow, not wrong.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(request, &desk));
    // How a connection ends is the client's affair.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, desk: &Desk) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, body) = match take(request, desk).await {
        Ok(()) => (StatusCode::OK, r#"{"status":"accepted"}"#),
        Err(status) => (status, "{}"),
    };
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    Ok(response)
}

async fn take(request: Request<Incoming>, desk: &Desk) -> Result<(), StatusCode> {
    let received_at = clock::unix_ms();
    if request.uri().path() != PATH {
        return Err(StatusCode::NOT_FOUND);
    }
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| StatusCode::BAD_REQUEST)?.to_bytes();
    let now = ringback_webhook::UnixSeconds(received_at / 1000);
    let verified = desk.verifier.verify(&head.headers, &body, now).map_err(|_| StatusCode::UNAUTHORIZED)?;
    let envelope = EnvelopeHead::parse(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let arrival = Arrival::new(verified.webhook_id, envelope, body.clone(), received_at);
    let appended = desk.writer.append(arrival).await.ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
    if let (Some(couriers), Some(delivery)) = (&desk.couriers, appended.delivery) {
        couriers.hand(Parcel { delivery, webhook_id: verified.webhook_id.to_owned(), payload: body });
    }
    Ok(())
}
