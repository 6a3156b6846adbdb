//! Where deliveries are to arrive: an app in the driver that notes the id and answers 200; and two that do
//! not.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
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

/// How a call is received, by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Noted, and answered 200 at once.
    Prompt,
    /// Read, and never answered.
    Hanging,
    /// Answered 500 at once.
    Failing,
    /// Answered 200 at once, and not noted.
    Unnoted,
}

/// The receiver, running until it is dropped.
pub(crate) struct Receiver {
    origin: String,
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
        let origin = format!("http://{}", listener.local_addr().map_err(Failure::io(action))?);
        let desk = Arc::new(Desk::default());
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&desk)));
        Ok(Self { origin, desk, _accepting: accepting })
    }

    /// The URL at which it receives in this manner.
    pub(crate) fn url(&self, manner: Manner) -> String {
        format!("{}{}", self.origin, manner.path())
    }

    /// From now on, arrivals are noted in this ledger.
    pub(crate) fn open(&self, ledger: &Arc<Ledger>) {
        *self.desk.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(ledger));
    }
}

impl Manner {
    const ALL: [Self; 4] = [Self::Prompt, Self::Hanging, Self::Failing, Self::Unnoted];

    fn path(self) -> &'static str {
        match self {
            Self::Prompt => "/hooks",
            Self::Hanging => "/hanging",
            Self::Failing => "/failing",
            Self::Unnoted => "/unnoted",
        }
    }

    fn of_path(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|manner| manner.path() == path)
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
    let mut answer = Response::new(Empty::new());
    match Manner::of_path(head.uri.path()) {
        Some(Manner::Prompt) => {
            if let (true, Some(id)) = (whole, head.headers.get(WEBHOOK_ID)) {
                desk.note(id.as_bytes());
            }
        }
        Some(Manner::Unnoted) => {}
        // Until the caller gives up and closes the connection.
        Some(Manner::Hanging) => std::future::pending().await,
        Some(Manner::Failing) => *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
        None => *answer.status_mut() = StatusCode::NOT_FOUND,
    }
    Ok(answer)
}

impl Desk {
    fn note(&self, webhook_id: &[u8]) {
        if let Some(ledger) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            ledger.arrive(webhook_id);
        }
    }
}
