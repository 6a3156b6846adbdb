//! How a world is made, at first and after a crash.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ringback_delivery::{DelivererParts, DeliverySettings, JitterSource};
use ringback_domain::project::DEFAULT_PROJECT_NAME;
use ringback_domain::retry::Jitter;
use ringback_domain::{Clock, IdMaker};
use ringback_egress::{Client, ClientSettings, Policy};
use ringback_store::{SqliteOptions, SqliteStore, Store};
use rustls::RootCertStore;
use tempfile::TempDir;

use super::node::Node;
use super::{START, World, source};
use crate::clock::FakeClock;
use crate::faults::Faults;
use crate::faulty_store::FaultyStore;

/// The version that a world's deliverer announces.
const VERSION: &str = "0.0.0-test";

/// What a world is made with. By default: the server's limits, and loopback may be called.
#[derive(Clone)]
pub struct WorldBuilder {
    policy: Policy,
    settings: DeliverySettings,
    jitter: JitterSource,
}

impl Default for WorldBuilder {
    fn default() -> Self {
        Self {
            policy: Policy::dev(),
            settings: DeliverySettings::new(VERSION),
            jitter: Arc::new(|| Jitter::NONE),
        }
    }
}

impl WorldBuilder {
    /// With another rule about whom it may call.
    #[must_use]
    pub fn policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// With other limits and intervals.
    #[must_use]
    pub fn settings(mut self, change: impl FnOnce(&mut DeliverySettings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// With delays that are spread, the same way each time for the same seed.
    #[must_use]
    pub fn jitter(self, seed: u32) -> Self {
        let state = AtomicU32::new(seed);
        // A Weyl sequence, stirred: spread evenly, which is all that is asked of it.
        let draw = move || {
            Jitter::from_bits(state.fetch_add(0x9E37_79B9, Ordering::Relaxed).wrapping_mul(0x85EB_CA6B))
        };
        Self { jitter: Arc::new(draw), ..self }
    }

    /// Starts a world in a folder of its own, at [`START`].
    ///
    /// # Panics
    /// When the machine gives it no folder, no runtime or no database.
    pub async fn start(self) -> World {
        let folder = tempfile::tempdir().expect("a folder for temporary files is there");
        self.start_in(folder, FakeClock::new(START), Arc::new(IdMaker::new(1))).await
    }

    pub(super) async fn start_in(self, folder: TempDir, clock: FakeClock, ids: Arc<IdMaker>) -> World {
        let options = SqliteOptions::new(folder.path(), Arc::clone(&ids), clock.now());
        let store = Arc::new(SqliteStore::open(options).expect("a world's own folder can be used"));
        let config = store.config();
        let mut projects = config.projects().map(|config| &config.project);
        let default = projects.find(|project| project.name == DEFAULT_PROJECT_NAME);
        let project = default.expect("the default project always exists").id;
        let source = source(store.as_ref(), project, &ids, clock.now()).await;
        let faults = Faults::default();
        let real: Arc<dyn Store> = Arc::<SqliteStore>::clone(&store);
        let node = Node::start(DelivererParts {
            store: Arc::new(FaultyStore::new(real, faults.clone())),
            client: Client::new(self.policy.clone(), RootCertStore::empty(), ClientSettings::default()),
            clock: Arc::new(clock.clone()),
            ids: Arc::clone(&ids),
            jitter: Arc::clone(&self.jitter),
            settings: self.settings.clone(),
        });
        World { clock, project, source, ids, builder: self, folder, store, faults, node }
    }
}
