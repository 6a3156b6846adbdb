//! Where deliveries are to arrive: an app in the driver that notes the id and answers 200.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ringback_webhook::WEBHOOK_ID;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::failure::Failure;
use crate::ledger::Ledger;

/// The receiver, running until it is dropped.
pub(crate) struct Receiver {
    url: String,
    desk: Arc<Desk>,
    _accepting: JoinSet<()>,
}

/// Which ledger arrivals are noted in at present.
#[derive(Default)]
struct Desk(Mutex<Option<Arc<Ledger>>>);

impl Receiver {
    /// Starts it on a free port.
    pub(crate) async fn start() -> Result<Self, Failure> {
        let action = "start the receiver";
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(Failure::io(action))?;
        let url = format!("http://{}/hooks", listener.local_addr().map_err(Failure::io(action))?);
        let desk = Arc::new(Desk::default());
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&desk)));
        Ok(Self { url, desk, _accepting: accepting })
    }

    /// Its URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// From now on, arrivals are noted in this ledger.
    pub(crate) fn open(&self, ledger: &Arc<Ledger>) {
        *self.desk.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(ledger));
    }
}

async fn accept(listener: TcpListener, desk: Arc<Desk>) {
    let mut connections = JoinSet::new();
    // It fails when the process has too many files open, and the run with it: its deliveries do not arrive.
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, Arc::clone(&desk)));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, desk: Arc<Desk>) {
    // A connection without it is slow, not wrong.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| take(request, &desk));
    // A connection that breaks off is the subject's doing, and is seen in what does not arrive.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn take(request: Request<Incoming>, desk: &Desk) -> Result<Response<Empty<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let whole = body.collect().await.is_ok();
    if let (true, Some(id)) = (whole, head.headers.get(WEBHOOK_ID))
        && let Some(ledger) = desk.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref()
    {
        ledger.arrive(id.as_bytes());
    }
    Ok(Response::new(Empty::new()))
}
