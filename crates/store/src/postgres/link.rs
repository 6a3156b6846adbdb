//! The node's own connection while it may be lost: who uses it gets the present one, and one task makes it
//! anew.
//!
//! Whatever is said over it has a bound in time that this side watches. A connection that does not answer is
//! dropped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::TaskTracker;

use super::address::PostgresAddress;
use super::ears::Ears;
use super::failure::{DatabaseError, Failure, Verdict, verdict};
use super::node::Node;

/// How long anything said over it may take.
pub(super) const LIMIT: Duration = Duration::from_secs(2);

/// The own connection, or the lack of it.
pub(super) struct Link {
    node: Mutex<Option<Arc<Node>>>,
    address: PostgresAddress,
    tls: MakeRustlsConnect,
    pub(super) ears: Arc<Ears>,
    tasks: TaskTracker,
}

impl Link {
    /// Goes on with a connection that has appeared.
    pub(super) fn new(
        node: Arc<Node>,
        address: PostgresAddress,
        tls: MakeRustlsConnect,
        ears: Arc<Ears>,
        tasks: TaskTracker,
    ) -> Self {
        Self { node: Mutex::new(Some(node)), address, tls, ears, tasks }
    }

    /// Does something over the present connection, if there is one.
    pub(super) async fn run<T>(
        &self,
        work: impl AsyncFnOnce(&Node) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, Failure> {
        let lost = || Failure::Unavailable(DatabaseError::NoConnection);
        let node = self.present().ok_or_else(lost)?;
        match timeout(LIMIT, work(&node)).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => {
                if verdict(&error) != Verdict::Sound {
                    self.lose(&node);
                }
                Err(error.into())
            }
            Err(_) => {
                self.lose(&node);
                Err(Failure::Unavailable(DatabaseError::NoAnswer))
            }
        }
    }

    /// Makes the connection anew if it is lost. What came meanwhile was not heard.
    pub(super) async fn mend(&self) -> Result<(), Failure> {
        if self.present().is_some() {
            return Ok(());
        }
        // It has a bound of its own, for each host that the address names.
        let node =
            Node::connect(&self.address, self.tls.clone(), Arc::clone(&self.ears), &self.tasks).await?;
        let appeared = timeout(LIMIT, node.appear()).await;
        appeared.map_err(|_| Failure::Unavailable(DatabaseError::NoAnswer))??;
        *self.lock() = Some(Arc::new(node));
        self.ears.suspect_all();
        Ok(())
    }

    /// Ends it for good, if nobody mends it.
    pub(super) fn cut(&self) {
        self.lock().take();
    }

    fn present(&self) -> Option<Arc<Node>> {
        self.lock().clone().filter(|node| !node.is_gone())
    }

    fn lose(&self, lost: &Arc<Node>) {
        let mut node = self.lock();
        if node.as_ref().is_some_and(|node| Arc::ptr_eq(node, lost)) {
            *node = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Node>>> {
        self.node.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
