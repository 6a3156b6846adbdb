//! A node of the next version, in this process: it knows a longer list of migrations, and is otherwise as
//! this one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringback_delivery::{Deliverer, DelivererParts, DeliverySettings, Dispatcher, Entry, IncomingEvent};
use ringback_domain::project::DEFAULT_PROJECT_NAME;
use ringback_domain::retry::Jitter;
use ringback_domain::{Clock, IdMaker, ProjectId, SourceId, SourceKind, Timestamp};
use ringback_egress::{Client, ClientSettings, Policy};
use ringback_store::{
    EncryptionKey, Keyring, PageRequest, PostgresAddress, PostgresOptions, PostgresStore, Schema, Store,
};
use ringback_testkit::{ENCRYPTION_KEY, wall_clock_now};
use rustls::RootCertStore;

use crate::apps::{body, caller_and_number, type_of};

/// How long the attempts under way may take at the end.
const GRACE: Duration = Duration::from_secs(10);

/// The machine's clock.
struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        wall_clock_now()
    }

    fn sleep_until(&self, instant: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(instant.since(self.now())))
    }
}

/// The node.
pub(crate) struct NextNode {
    store: Arc<PostgresStore>,
    deliverer: Deliverer,
    dispatcher: Dispatcher,
    project: ProjectId,
    source: SourceId,
}

impl NextNode {
    /// Starts it: the database is expanded to what it knows.
    pub(crate) async fn start(database: &str, schema: Schema) -> Self {
        let address: PostgresAddress = database.parse().expect("the URL of a test's database is one");
        let key = STANDARD.decode(ENCRYPTION_KEY).unwrap();
        let keyring = Keyring::new(EncryptionKey::new(key.as_slice().try_into().unwrap()), []);
        let ids = Arc::new(IdMaker::new(wall_clock_now().as_unix_ms().unsigned_abs()));
        let options = PostgresOptions {
            schema,
            ..PostgresOptions::new(address, keyring, Arc::clone(&ids), wall_clock_now())
        };
        let store = Arc::new(PostgresStore::open(options).await.expect("the next version starts"));
        let deliverer = Deliverer::start(DelivererParts {
            store: Arc::<PostgresStore>::clone(&store),
            client: Client::new(Policy::dev(), RootCertStore::empty(), ClientSettings::default()),
            clock: Arc::new(WallClock),
            ids: Arc::clone(&ids),
            jitter: Arc::new(|| Jitter::NONE),
            settings: DeliverySettings::new("next"),
        });
        let dispatcher = Dispatcher::new(Arc::<PostgresStore>::clone(&store), ids, deliverer.clone());
        let config = store.config();
        let mut projects = config.projects().map(|config| &config.project);
        let project = projects.find(|project| project.name == DEFAULT_PROJECT_NAME).unwrap().id;
        let sources = store.list_sources(project, PageRequest::default()).await.unwrap().items;
        let source = sources.iter().find(|source| source.kind == SourceKind::Publish).unwrap().id;
        Self { store, deliverer, dispatcher, project, source }
    }

    /// Takes in an event, as if it were a call of the load.
    pub(crate) async fn publish(&self, webhook_id: &str) {
        let payload = body(webhook_id);
        let sha256 = digest::digest(&digest::SHA256, payload.as_bytes());
        let event = IncomingEvent {
            project_id: self.project,
            source_id: self.source,
            entry: Entry::Published,
            received_at: wall_clock_now(),
            event_type: type_of(webhook_id).to_owned(),
            webhook_id: webhook_id.to_owned(),
            upstream_event_id: None,
            object_id: Some(format!("job_{}", caller_and_number(webhook_id).0)),
            payload_sha256: sha256.as_ref().try_into().expect("SHA-256 is 32 bytes long"),
            payload: payload.into(),
        };
        self.dispatcher.dispatch(event).await.expect("a node of the next version takes an event");
    }

    /// Ends it in good order.
    pub(crate) async fn stop(self) {
        assert!(self.deliverer.drain(GRACE).await, "the attempts under way end");
        self.store.close().await;
    }
}
