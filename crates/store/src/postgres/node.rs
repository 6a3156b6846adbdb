//! This node's own connection to the server: what it stands for is there as long as the node is.
//!
//! By it other nodes know at their start that this one lives (a lock that it shares), over it this one says
//! that it still does, and by it the nodes hear from one another (`LISTEN`). It is no connection of the pool,
//! so that nothing waits for it behind other work. A proxy that gives each transaction another session must
//! not stand in its way.
//!
//! Not guaranteed: that every notification arrives. Whoever listens looks for itself besides.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{StreamExt, poll_fn};
use ringback_domain::EndpointId;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::TaskTracker;

use super::address::PostgresAddress;
use super::connecting::{self, ConnectError};
use super::connections::Params;
use super::ears::{CONFIG_CHANNEL, DUE_CHANNEL, Ears, due_payload};
use super::options::LeaseClock;
use super::{locks, schema_lock};

/// How long a start waits for the presence lock of a node that is shutting down.
const LAST_BREATH: Duration = Duration::from_secs(1);
/// How long a start waits for a registered node to reconnect: a heartbeat, and the time to connect.
const COME_BACK: Duration = Duration::from_secs(2);
/// How often it looks meanwhile.
const LOOK: Duration = Duration::from_millis(20);

/// What is said over this connection need not outlive the server: nobody waits for the disk. And nothing
/// takes long.
const SESSION: &str =
    "SET synchronous_commit = off; SET lock_timeout = '3s'; SET statement_timeout = '5s'; SET jit = off";

/// The connection. Closed when dropped.
pub(super) struct Node {
    pub(super) client: Client,
    connection: JoinHandle<()>,
    ears: Arc<Ears>,
    heartbeat: OnceCell<Statement>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Node {
    /// Connects. What comes over it is for `ears`.
    pub(super) async fn connect(
        address: &PostgresAddress,
        tls: MakeRustlsConnect,
        ears: Arc<Ears>,
        tasks: &TaskTracker,
    ) -> Result<Self, ConnectError> {
        let (client, mut connection) = connecting::connect(address, &tls).await?;
        let heard = Arc::clone(&ears);
        let connection = tasks.spawn(async move {
            let mut messages = poll_fn(move |context| connection.poll_message(context));
            // The end, or an error, is for those to see who use the client.
            while let Some(Ok(message)) = messages.next().await {
                if let AsyncMessage::Notification(notification) = message {
                    heard.hear(&notification);
                }
            }
        });
        Ok(Self { client, connection, ears, heartbeat: OnceCell::new() })
    }

    /// Whether the connection is gone.
    pub(super) fn is_gone(&self) -> bool {
        self.client.is_closed()
    }

    /// Has the schema alone, until [`Node::leave_schema`].
    pub(super) async fn enter_schema(&self) -> Result<(), tokio_postgres::Error> {
        // The lock goes with the session: one that says nothing for so long, in or outside of a transaction,
        // is ended by the server.
        let sql = "SET idle_session_timeout = '60s'; SET idle_in_transaction_session_timeout = '10s'";
        self.client.batch_execute(sql).await?;
        schema_lock::take(&self.client).await
    }

    pub(super) async fn leave_schema(&self) -> Result<(), tokio_postgres::Error> {
        schema_lock::give_back(&self.client).await?;
        self.client.batch_execute("RESET idle_session_timeout").await
    }

    /// Whether no other node lives. If so, none comes to life until [`Node::appear`].
    ///
    /// With an invented time nobody has a heartbeat to wait for.
    pub(super) async fn is_alone(&self, clock: LeaseClock) -> Result<bool, tokio_postgres::Error> {
        let sql = format!("SELECT pg_try_advisory_lock({}, 0)", locks::PRESENCE);
        let unlock = format!("SELECT pg_advisory_unlock({}, 0)", locks::PRESENCE);
        let mut had_time = clock == LeaseClock::Given;
        for _ in 0..LAST_BREATH.as_millis() / LOOK.as_millis() {
            if !self.client.query_one(&sql, &[]).await?.get::<_, bool>(0) {
                tokio::time::sleep(LOOK).await;
                continue;
            }
            let any = "SELECT EXISTS (SELECT 1 FROM nodes)";
            if had_time || !self.client.query_one(any, &[]).await?.get::<_, bool>(0) {
                return Ok(true);
            }
            // Killed; or alive, and its connection was cut: then it has another one with its next heartbeat.
            self.client.batch_execute(&unlock).await?;
            tokio::time::sleep(COME_BACK).await;
            had_time = true;
        }
        Ok(false)
    }

    /// Is seen by others from now on, and hears them.
    pub(super) async fn appear(&self) -> Result<(), tokio_postgres::Error> {
        let own = self.client.query_one("SELECT pg_backend_pid()", &[]).await?;
        self.ears.know_own(own.get(0));
        let presence = locks::PRESENCE;
        // What `is_alone` has taken is given up only afterwards.
        let sql = format!(
            "SELECT pg_advisory_lock_shared({presence}, 0); \
             SELECT pg_advisory_unlock({presence}, 0) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() \
             AND classid = {presence} AND mode = 'ExclusiveLock'; \
             {SESSION}; LISTEN {CONFIG_CHANNEL}; LISTEN {DUE_CHANNEL}"
        );
        self.client.batch_execute(&sql).await
    }

    /// Runs the statement that says that the node lives, which is prepared once.
    pub(super) async fn beat(
        &self,
        sql: &str,
        params: Params<'_>,
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        let statement = self.heartbeat.get_or_try_init(|| self.client.prepare(sql)).await?;
        self.client.query(statement, params).await
    }

    /// Tells the other nodes that the configuration has changed.
    pub(super) async fn tell_config(&self) -> Result<(), tokio_postgres::Error> {
        self.client.batch_execute(&format!("NOTIFY {CONFIG_CHANNEL}")).await
    }

    /// Tells the other nodes that these endpoints have due work; none: that any may.
    pub(super) async fn tell_due(&self, endpoints: &[EndpointId]) -> Result<(), tokio_postgres::Error> {
        // An id holds nothing that would end the text.
        self.client.batch_execute(&format!("NOTIFY {DUE_CHANNEL}, '{}'", due_payload(endpoints))).await
    }
}
