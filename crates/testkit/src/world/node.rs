//! A deliverer and its dispatcher on a runtime of their own, which can be ended in the middle of anything.

use std::sync::Arc;

use ringback_delivery::{Deliverer, DelivererParts, Dispatcher, IncomingEvent};
use ringback_store::{Appended, StoreError};
use tokio::runtime::{Builder, Runtime};

use crate::wait::PATIENCE;

/// The running part of a world.
pub(super) struct Node {
    pub(super) deliverer: Deliverer,
    pub(super) dispatcher: Dispatcher,
    /// `Some` until the node is dropped: a runtime must not be dropped where another one waits for it.
    runtime: Option<Runtime>,
}

/// Why the runtime is there.
const RUNNING: &str = "a node has its runtime until it is dropped";

impl Node {
    pub(super) fn start(parts: DelivererParts) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("node")
            .enable_all()
            .build()
            .expect("a process that cannot start threads cannot test");
        let (store, ids) = (Arc::clone(&parts.store), Arc::clone(&parts.ids));
        let deliverer = {
            let _here = runtime.enter();
            Deliverer::start(parts)
        };
        let dispatcher = Dispatcher::new(store, ids, deliverer.clone());
        Self { deliverer, dispatcher, runtime: Some(runtime) }
    }

    pub(super) async fn dispatch(&self, event: IncomingEvent) -> Result<Appended, StoreError> {
        let dispatcher = self.dispatcher.clone();
        let runtime = self.runtime.as_ref().expect(RUNNING);
        runtime
            .spawn(async move { dispatcher.dispatch(event).await })
            .await
            .unwrap_or(Err(StoreError::Closed))
    }

    /// Ends every task where it stands, and waits until all are gone.
    pub(super) async fn crash(mut self) {
        let runtime = self.runtime.take().expect(RUNNING);
        let ended = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(PATIENCE)).await;
        ended.expect("ending a runtime does not panic");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
