//! A pool's sessions: made when needed, and given out only while nothing speaks against them.
//!
//! When the server turns out to be gone, or to be another's standby now, every session that is older than
//! this news is thrown away before it is used again: a pool of which none is alive recovers with the first
//! connection that can be made.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool::managed::{self, Metrics, RecycleError};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::TaskTracker;

use super::address::PostgresAddress;
use super::connecting::{self, ConnectError};

/// How old a session becomes: its memory on the server grows with the statements that it has planned.
const MAX_AGE: Duration = Duration::from_secs(30 * 60);

/// A pool of sessions.
pub(super) type Pool = managed::Pool<Server>;

/// A session that the pool has given out.
pub(super) type Object = managed::Object<Server>;

/// A connection, and what has been prepared over it.
pub(super) struct Session {
    pub(super) client: Client,
    prepared: Mutex<HashMap<Box<str>, Statement>>,
    link: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.link.abort();
    }
}

impl Session {
    /// Prepares a statement, if that was not done before; then this does not wait.
    pub(super) async fn prepare(&self, sql: &str) -> Result<Statement, tokio_postgres::Error> {
        if let Some(known) = self.lock().get(sql) {
            return Ok(known.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.lock().insert(sql.into(), statement.clone());
        Ok(statement)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Box<str>, Statement>> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes sessions on a server, and says which may be used again.
pub(super) struct Server {
    address: PostgresAddress,
    tls: MakeRustlsConnect,
    tasks: TaskTracker,
    /// What is said first in each session.
    set_up: Option<&'static str>,
    /// Sessions that are older are not trusted.
    doubted: Mutex<Option<Instant>>,
}

impl Server {
    pub(super) fn new(
        address: PostgresAddress,
        tls: MakeRustlsConnect,
        tasks: TaskTracker,
        set_up: Option<&'static str>,
    ) -> Self {
        Self { address, tls, tasks, set_up, doubted: Mutex::default() }
    }

    /// From now on nothing made before is used again.
    pub(super) fn doubt_all(&self) {
        *self.doubted.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn is_doubted(&self, made: Instant) -> bool {
        self.doubted.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|since| made <= since)
    }

    async fn connect(&self) -> Result<Session, ConnectError> {
        let (client, link) = connecting::connect(&self.address, &self.tls).await?;
        // An error of the link is seen by who uses the client.
        let link = self.tasks.spawn(async move { drop(link.await) });
        let session = Session { client, prepared: Mutex::default(), link };
        if let Some(sql) = self.set_up {
            let set_up = session.client.batch_execute(sql);
            timeout(self.address.time_for_each(), set_up).await.map_err(|_| ConnectError::Silent)??;
        }
        Ok(session)
    }
}

impl managed::Manager for Server {
    type Type = Session;
    type Error = ConnectError;

    async fn create(&self) -> Result<Session, ConnectError> {
        self.connect().await
    }

    async fn recycle(
        &self,
        session: &mut Session,
        metrics: &Metrics,
    ) -> managed::RecycleResult<ConnectError> {
        if session.client.is_closed() || self.is_doubted(metrics.created) || metrics.age() >= MAX_AGE {
            return Err(RecycleError::message("it is closed, not trusted, or old"));
        }
        Ok(())
    }
}
