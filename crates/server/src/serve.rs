//! Accepting connections, until told to stop.
//!
//! A place for a connection is reserved *before* it is accepted, so that what does not fit waits in the
//! system's queue and costs nothing here. Nothing that `accept` says ends the server: it may be the client's
//! fault, or a lack that passes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::{self, Stop};
use crate::settings::ServerSettings;

/// How long to wait after a failed accept that was not the client's doing, e.g. for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// Every how many failures in a row the log is told: every 10 s.
const TOLD_EVERY: u32 = 50;

/// Serves HTTP/1.1 on `listener` until `shutdown` completes; then accepts nothing more, closes idle
/// connections, lets the requests under way finish within [`ServerSettings::shutdown_grace`], cuts off the
/// rest, and returns.
///
/// What a handler cut off had already handed over for storing is stored all the same.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: &ServerSettings,
    shutdown: impl Future<Output = ()>,
) {
    let connections = TaskTracker::new();
    let (finish, cut) = (CancellationToken::new(), CancellationToken::new());
    let stop = Stop { finish: finish.clone(), cut: cut.clone() };
    tokio::select! {
        () = shutdown => {}
        () = accept_all(&listener, &router, settings, &connections, &stop) => {}
    }
    drop(listener);
    finish.cancel();
    connections.close();
    if tokio::time::timeout(settings.shutdown_grace, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "requests did not finish in time and are cut off");
        cut.cancel();
        connections.wait().await;
    }
}

/// Runs until dropped.
async fn accept_all(
    listener: &TcpListener,
    router: &Router,
    settings: &ServerSettings,
    connections: &TaskTracker,
    stop: &Stop,
) {
    let http = connection::http1(settings);
    let places = Arc::new(Semaphore::new(settings.max_connections.clamp(1, Semaphore::MAX_PERMITS)));
    // The semaphore is never closed, so there is always a place in the end.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let stream = accept(listener).await;
        connections
            .spawn(keep_place(place, connection::run(http.clone(), stream, router.clone(), stop.clone())));
    }
}

async fn keep_place(place: OwnedSemaphorePermit, connection: impl Future<Output = ()>) {
    connection.await;
    drop(place);
}

/// The next connection, however long it takes.
async fn accept(listener: &TcpListener) -> TcpStream {
    let mut failures = 0_u32;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are small and complete when written. If it cannot be set, they are only slower.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "cannot set TCP_NODELAY");
                }
                return stream;
            }
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                if failures.is_multiple_of(TOLD_EVERY) {
                    tracing::warn!(%error, "cannot accept connections at the moment");
                }
                failures = failures.wrapping_add(1);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether the connection was gone before it was accepted.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
