//! A node: a store of its own on a database that others share, a deliverer and a dispatcher, on a runtime
//! that can be ended at once.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ringback_delivery::{
    Deliverer, DelivererParts, DeliverySettings, Dispatcher, Entry, IncomingEvent, JitterSource,
};
use ringback_domain::project::DEFAULT_PROJECT_NAME;
use ringback_domain::retry::Jitter;
use ringback_domain::{Clock, DeliveryRules, EndpointId, EventPattern, IdMaker, ProjectId, Timestamp};
use ringback_egress::{Client, ClientSettings, Policy};
use ringback_store::{Appended, EncryptionKey, Keyring, NewEndpoint, PostgresOptions, PostgresStore, Store};
use ringback_testkit::postgres::Database;
use ringback_testkit::{secret, until, wall_clock_now};
use rustls::RootCertStore;
use tokio::runtime::{Builder, Runtime};

/// The machine's clock.
struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        wall_clock_now()
    }

    fn sleep_until(&self, instant: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(instant.since(wall_clock_now())))
    }
}

pub(crate) struct Node {
    pub(crate) store: Arc<PostgresStore>,
    dispatcher: Dispatcher,
    pub(crate) deliverer: Deliverer,
    ids: Arc<IdMaker>,
    runtime: Option<Runtime>,
}

impl Node {
    /// The node of this number.
    pub(crate) async fn start(database: &Database, number: u64) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let ids = Arc::new(IdMaker::new(number));
        let keyring = Keyring::new(EncryptionKey::new(&[1; 32]), std::iter::empty());
        let address = database.url().parse().unwrap();
        let options = PostgresOptions::new(address, keyring, Arc::clone(&ids), wall_clock_now());
        let opening = runtime.spawn(PostgresStore::open(options));
        let store = Arc::new(opening.await.unwrap().unwrap());
        let jitter: JitterSource = Arc::new(|| Jitter::NONE);
        let shared: Arc<dyn Store> = store.clone();
        let _here = runtime.enter();
        let deliverer = Deliverer::start(DelivererParts {
            store: Arc::clone(&shared),
            client: Client::new(Policy::dev(), RootCertStore::empty(), ClientSettings::default()),
            clock: Arc::new(WallClock),
            ids: Arc::clone(&ids),
            jitter,
            settings: DeliverySettings::new("0.0.0-test"),
        });
        drop(_here);
        let dispatcher = Dispatcher::new(shared, Arc::clone(&ids), deliverer.clone());
        Self { store, dispatcher, deliverer, ids, runtime: Some(runtime) }
    }

    pub(crate) fn project(&self) -> ProjectId {
        let config = self.store.config();
        let default = config.projects().find(|config| config.project.name == DEFAULT_PROJECT_NAME);
        default.unwrap().project.id
    }

    /// An endpoint that wants everything under these rules; returns when the others know it too.
    pub(crate) async fn endpoint(&self, url: &str, rules: DeliveryRules, others: &[&Node]) -> EndpointId {
        let now = wall_clock_now();
        let endpoint = NewEndpoint {
            id: self.ids.next(now),
            project_id: self.project(),
            name: "app".to_owned(),
            url: url.to_owned(),
            event_types: vec![EventPattern::parse("*").unwrap()],
            description: None,
            timeout_secs: 10,
            headers: Vec::new(),
            authentication: None,
            no_retry_statuses: Vec::new(),
            rules,
            paused: false,
            secret: (self.ids.next(now), secret(3).into()),
            now,
        };
        let id = self.store.create_endpoint(endpoint).await.unwrap().id;
        for other in others {
            until("the other node to know the endpoint", || async {
                other.store.config().endpoint(id).map(drop)
            })
            .await;
        }
        id
    }

    /// Publishes an event about an object.
    pub(crate) async fn publish(&self, webhook_id: &str, object_id: &str) -> Appended {
        let config = self.store.config();
        let source = config.project(self.project()).unwrap().publish_source().unwrap().id;
        let event = IncomingEvent {
            project_id: self.project(),
            source_id: source,
            entry: Entry::Published,
            received_at: wall_clock_now(),
            event_type: "batch.completed".to_owned(),
            webhook_id: webhook_id.to_owned(),
            upstream_event_id: None,
            object_id: Some(object_id.to_owned()),
            payload: Bytes::from_static(b"{}"),
            payload_sha256: [0; 32],
        };
        let dispatcher = self.dispatcher.clone();
        let runtime = self.runtime.as_ref().unwrap();
        runtime.spawn(async move { dispatcher.dispatch(event).await }).await.unwrap().unwrap()
    }

    /// Ends as a killed process does: everything stops where it is, and nobody is told.
    pub(crate) fn kill(self) {
        drop(self);
    }

    /// Ends in good order.
    pub(crate) async fn stop(self) {
        let (deliverer, store) = (self.deliverer.clone(), Arc::clone(&self.store));
        let runtime = self.runtime.as_ref().unwrap();
        let stopping = runtime.spawn(async move {
            assert!(deliverer.drain(Duration::from_secs(10)).await);
            store.close().await;
        });
        stopping.await.unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
