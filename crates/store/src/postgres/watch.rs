//! Hearing of what other nodes change, and telling them of what this one did.
//!
//! A notification is sent after the commit, once for all changes since the last one, over the node's own connection. Behind it each
//! node looks every second: a notification may be lost with the connection, and what was revoked must be unused everywhere within
//! a second.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::TaskTracker;

use super::address::PostgresAddress;
use super::node::Node;
use super::snapshot::Snapshot;
use crate::condition::Condition;
use crate::error::StoreError;

/// How often the configuration's number is looked at.
const LOOK: Duration = Duration::from_millis(900);

/// The task. It ends when this is dropped, and the node's connection with it.
pub(super) struct Watch(JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Watch {
    /// Goes on with a connection that has appeared and wakes `heard`.
    pub(super) fn start(
        node: Node,
        address: PostgresAddress,
        tls: MakeRustlsConnect,
        snapshot: Arc<Snapshot>,
        heard: Arc<Notify>,
        tasks: &TaskTracker,
    ) -> Self {
        let condition = Condition::new(
            "the configuration cannot be read anew, so that changes by other nodes are not known here",
            "the configuration is read again",
        );
        let (node, all) = (Some(node), tasks.clone());
        let watcher = Watcher { node, address, tls, snapshot, heard, tasks: all, condition };
        Self(tasks.spawn(watcher.run()))
    }

    /// Ends it now.
    pub(super) fn stop(&self) {
        self.0.abort();
    }
}

struct Watcher {
    node: Option<Node>,
    address: PostgresAddress,
    tls: MakeRustlsConnect,
    snapshot: Arc<Snapshot>,
    heard: Arc<Notify>,
    tasks: TaskTracker,
    condition: Condition,
}

impl Watcher {
    async fn run(mut self) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.heard.notified() => self.refresh().await,
                () = self.snapshot.changed.notified() => self.tell().await,
                _ = look.tick() => {
                    self.refresh().await;
                    self.mind_the_connection().await;
                }
            }
        }
    }

    async fn refresh(&self) {
        let outcome = self.snapshot.refresh().await.map_err(StoreError::from);
        // Told in the log, and tried again.
        let _ = self.condition.noted(outcome);
    }

    /// Who cannot be told will see for itself.
    async fn tell(&mut self) {
        if let Some(node) = &self.node
            && node.tell().await.is_err()
        {
            self.node = None;
        }
    }

    async fn mind_the_connection(&mut self) {
        if self.node.as_ref().is_some_and(|node| !node.is_gone()) {
            return;
        }
        self.node = None;
        let connecting = Node::connect(&self.address, self.tls.clone(), Arc::clone(&self.heard), &self.tasks);
        if let Ok(node) = connecting.await
            && node.appear().await.is_ok()
        {
            self.node = Some(node);
        }
    }
}
