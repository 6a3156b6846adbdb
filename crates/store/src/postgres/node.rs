//! This node's own connection to the server: what it stands for is there as long as the node is.
//!
//! By it other nodes know that this one lives (a lock that it shares), and by it this one hears from them (`LISTEN`). It is no
//! connection of the pool, and no transaction ever runs on it for long. A proxy that gives each transaction another session must not
//! stand in its way.
//!
//! Not guaranteed: that every notification arrives. Whoever listens looks for itself besides.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{StreamExt, poll_fn};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::TaskTracker;

use super::address::PostgresAddress;
use super::connecting::{self, ConnectError};
use super::locks;

/// Where a changed configuration is told of.
pub(super) const CHANNEL: &str = "ringback_config";

/// How long a start waits for a node that is going to be gone: its connection is, when the server has noticed.
const LAST_BREATH: Duration = Duration::from_secs(1);
/// How often it looks meanwhile.
const LOOK: Duration = Duration::from_millis(20);

/// The connection. Closed when dropped.
pub(super) struct Node {
    pub(super) client: Client,
    connection: JoinHandle<()>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Node {
    /// Connects. Each notification that comes wakes `heard`.
    pub(super) async fn connect(
        address: &PostgresAddress,
        tls: MakeRustlsConnect,
        heard: Arc<Notify>,
        tasks: &TaskTracker,
    ) -> Result<Self, ConnectError> {
        let (client, mut connection) = connecting::connect(address, &tls).await?;
        let connection = tasks.spawn(async move {
            let mut messages = poll_fn(move |context| connection.poll_message(context));
            // The end, or an error, is for those to see who use the client.
            while let Some(Ok(message)) = messages.next().await {
                if let AsyncMessage::Notification(_) = message {
                    heard.notify_one();
                }
            }
        });
        Ok(Self { client, connection })
    }

    /// Whether the connection is gone.
    pub(super) fn is_gone(&self) -> bool {
        self.client.is_closed()
    }

    /// Has the schema alone, until [`Node::leave_schema`].
    pub(super) async fn enter_schema(&self) -> Result<(), tokio_postgres::Error> {
        self.client.batch_execute(&format!("SELECT pg_advisory_lock({}, 0)", locks::SCHEMA)).await
    }

    pub(super) async fn leave_schema(&self) -> Result<(), tokio_postgres::Error> {
        self.client.batch_execute(&format!("SELECT pg_advisory_unlock({}, 0)", locks::SCHEMA)).await
    }

    /// Whether no other node lives. If so, none comes to life until [`Node::appear`].
    pub(super) async fn is_alone(&self) -> Result<bool, tokio_postgres::Error> {
        let sql = format!("SELECT pg_try_advisory_lock({}, 0)", locks::PRESENCE);
        for _ in 0..LAST_BREATH.as_millis() / LOOK.as_millis() {
            if self.client.query_one(&sql, &[]).await?.get(0) {
                return Ok(true);
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(false)
    }

    /// Is seen by others from now on, and hears them.
    pub(super) async fn appear(&self) -> Result<(), tokio_postgres::Error> {
        let presence = locks::PRESENCE;
        // What `is_alone` has taken is given up only afterwards.
        let sql = format!(
            "SELECT pg_advisory_lock_shared({presence}, 0); \
             SELECT pg_advisory_unlock({presence}, 0) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() \
             AND classid = {presence} AND mode = 'ExclusiveLock'; \
             LISTEN {CHANNEL}"
        );
        self.client.batch_execute(&sql).await
    }

    /// Wakes the other nodes.
    pub(super) async fn tell(&self) -> Result<(), tokio_postgres::Error> {
        self.client.batch_execute(&format!("NOTIFY {CHANNEL}")).await
    }
}
