//! Hearing of what other nodes change, and telling them of what this one did.
//!
//! A notification is sent after the commit, once for all changes since the last one, over the node's own
//! connection. Behind it each node looks every second: a notification may be lost with the connection, and
//! what was revoked must be unused everywhere within a second. Due work is told of likewise, at most every 50
//! ms, and behind it is the deliverer's own scan.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ringback_domain::EndpointId;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::link::Link;
use super::notes::Notes;
use super::snapshot::Snapshot;
use crate::condition::Condition;
use crate::error::StoreError;

/// How often the configuration's number is looked at.
const LOOK: Duration = Duration::from_millis(900);
/// The least time between two notifications of due work.
const BETWEEN_CALLS: Duration = Duration::from_millis(50);

/// The tasks, each of which goes on as long as the store does.
pub(super) type Watch = [AbortOnDropHandle<()>; 3];

/// Starts the three tasks.
pub(super) fn start(
    link: &Arc<Link>,
    snapshot: &Arc<Snapshot>,
    crier: &Arc<Crier>,
    tasks: &TaskTracker,
) -> Watch {
    let looking = tasks.spawn(look(Arc::clone(link), Arc::clone(snapshot)));
    let telling = tasks.spawn(tell_config(Arc::clone(link), Arc::clone(snapshot)));
    let crying = tasks.spawn(cry(Arc::clone(link), Arc::clone(crier)));
    [looking, telling, crying].map(AbortOnDropHandle::new)
}

/// Due work that other nodes are to be told of.
#[derive(Default)]
pub(super) struct Crier {
    notes: Notes,
    /// Whether there is anybody to be told.
    has_others: AtomicBool,
}

impl Crier {
    /// Whether other nodes live, as this one knows it.
    pub(super) fn know_others(&self, has_others: bool) {
        self.has_others.store(has_others, Ordering::Relaxed);
    }

    /// Tells of endpoints with due work, soon.
    pub(super) fn tell(&self, endpoints: impl IntoIterator<Item = EndpointId>) {
        if self.has_others.load(Ordering::Relaxed) {
            self.notes.add(endpoints);
        }
    }

    /// Tells that there may be work anywhere, soon.
    pub(super) fn tell_all(&self) {
        if self.has_others.load(Ordering::Relaxed) {
            self.notes.add_all();
        }
    }
}

async fn look(link: Arc<Link>, snapshot: Arc<Snapshot>) {
    let condition = Condition::new(
        "the configuration cannot be read anew, so that changes by other nodes are not known here",
        "the configuration is read again",
    );
    loop {
        // Heard, or not heard for so long.
        let _ = tokio::time::timeout(LOOK, link.ears.config.notified()).await;
        let outcome = snapshot.refresh().await.map_err(|failure| match StoreError::from(failure) {
            // Of no use to this node either, for instance because it lacks a key; and to be told.
            StoreError::Corrupt { source, .. } => StoreError::Unavailable(source),
            error => error,
        });
        // Told in the log, and tried again.
        let _ = condition.noted(outcome);
    }
}

/// Who cannot be told will see for itself.
async fn tell_config(link: Arc<Link>, snapshot: Arc<Snapshot>) {
    loop {
        snapshot.changed.notified().await;
        let _ = link.run(async |node| node.tell_config().await).await;
    }
}

/// Who cannot be told will see for itself.
async fn cry(link: Arc<Link>, crier: Arc<Crier>) {
    loop {
        let endpoints = crier.notes.take().await;
        let _ = link.run(async |node| node.tell_due(&endpoints).await).await;
        tokio::time::sleep(BETWEEN_CALLS).await;
    }
}
