//! A database opened, and what a case needs around it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ringback_domain::{
    Delivery, DeliveryRules, Endpoint, EndpointId, EventId, EventPattern, IdMaker, Ordering, ProjectId,
    ReplayQuery, Source, SourceId, SourceKind, Timestamp, TypedId, project::DEFAULT_PROJECT_NAME,
    replay::DEFAULT_RATE,
};
use ringback_store::{
    Claimed, EncryptionKey, EventDetail, EventFilter, Keyring, NewEndpoint, NewProject, NewReplay, NewSource,
    OpenError, PageRequest, Store,
};
use ringback_webhook::SigningSecret;
use tokio::task::JoinSet;

use super::{Backend, Opening};

/// When every world begins, in Unix seconds: a Sunday in June 2025.
const START: i64 = 1_750_000_000;

/// So many seconds after the beginning.
pub(crate) const fn at(secs: i64) -> Timestamp {
    Timestamp::from_unix_secs(START + secs)
}

/// A signing secret for each number.
pub(crate) fn secret(n: u8) -> SigningSecret {
    SigningSecret::from_key_bytes(&[n; 32]).expect("32 bytes are a key")
}

/// The keys of these numbers: the first encrypts.
pub(crate) fn keyring(numbers: &[u8]) -> Keyring {
    let mut keys = numbers.iter().map(|n| EncryptionKey::new(&[*n; 32]));
    Keyring::new(keys.next().expect("a ring has a first key"), keys)
}

/// Runs all of them at once, and gives their outputs in the order of the futures.
pub(crate) async fn concurrently<F>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let mut running = JoinSet::new();
    for (index, future) in futures.into_iter().enumerate() {
        running.spawn(async move { (index, future.await) });
    }
    let mut outputs = running.join_all().await;
    outputs.sort_by_key(|(index, _)| *index);
    outputs.into_iter().map(|(_, output)| output).collect()
}

/// A store, its default project, and a maker of ids.
pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) project: ProjectId,
    ids: Arc<IdMaker>,
    backend: Box<dyn Backend>,
}

impl World {
    /// Opens an empty database under key 1.
    pub(crate) async fn new(backend: impl Backend + 'static) -> Self {
        let ids = Arc::new(IdMaker::new(1));
        Self::open(Box::new(backend), ids, keyring(&[1])).await.unwrap()
    }

    async fn open(backend: Box<dyn Backend>, ids: Arc<IdMaker>, keyring: Keyring) -> Result<Self, OpenError> {
        let opening = Opening { keyring, ids: Arc::clone(&ids), now: at(0) };
        let store = backend.open(opening).await?;
        let config = store.config();
        let default = config.projects().find(|p| p.project.name == DEFAULT_PROJECT_NAME);
        let project = default.expect("it always exists").project.id;
        Ok(Self { store, project, ids, backend })
    }

    /// Drops the store without closing it and opens the database again, as after a crash.
    pub(crate) async fn restart(self) -> Self {
        self.restart_under(keyring(&[1])).await.unwrap()
    }

    /// The same, under other keys.
    pub(crate) async fn restart_under(self, keyring: Keyring) -> Result<Self, OpenError> {
        let (backend, ids) = self.shut();
        Self::open(backend, ids, keyring).await
    }

    /// Tries to open the database under keys that do not fit, then goes on under those that do.
    pub(crate) async fn refused_under(self, wrong: Keyring, right: Keyring) -> (Self, OpenError) {
        let (backend, ids) = self.shut();
        let opening = Opening { keyring: wrong, ids: Arc::clone(&ids), now: at(0) };
        let refusal = backend.open(opening).await.map(drop).unwrap_err();
        (Self::open(backend, ids, right).await.unwrap(), refusal)
    }

    fn shut(self) -> (Box<dyn Backend>, Arc<IdMaker>) {
        let Self { store, ids, backend, .. } = self;
        assert_eq!(Arc::strong_count(&store), 1, "somebody still uses the store");
        drop(store);
        (backend, ids)
    }

    /// A fresh id.
    pub(crate) fn id<I: TypedId>(&self) -> I {
        self.ids.next(at(0))
    }

    /// A fresh id, made at a time; never below one made before.
    pub(crate) fn id_at<I: TypedId>(&self, now: Timestamp) -> I {
        self.ids.next(now)
    }

    /// A project to be made.
    pub(crate) fn new_project(&self, name: &str) -> NewProject {
        NewProject { id: self.id(), name: name.to_owned(), publish_source_id: self.id(), now: at(0) }
    }

    /// Makes a second project.
    pub(crate) async fn second_project(&self) -> ProjectId {
        self.store.create_project(self.new_project("second")).await.unwrap().id
    }

    /// The project's source of what is published.
    pub(crate) fn publish_source(&self) -> SourceId {
        let config = self.store.config();
        let project = config.project(self.project).expect("it always exists");
        project.publish_source().expect("it comes with the project").id
    }

    /// A source to be made, with a token of its own and without a secret.
    pub(crate) fn new_source(&self) -> NewSource {
        let id: SourceId = self.id();
        NewSource {
            id,
            project_id: self.project,
            name: "batches".into(),
            kind: SourceKind::OpenAi,
            token: format!("token-{id}"),
            secret: None,
            now: at(0),
        }
    }

    /// An endpoint to be made, which wants these types.
    pub(crate) fn new_endpoint(&self, patterns: &[&str]) -> NewEndpoint {
        NewEndpoint {
            id: self.id(),
            project_id: self.project,
            name: "app".into(),
            url: "https://app.example/webhooks".into(),
            event_types: patterns.iter().map(|p| EventPattern::parse(p).unwrap()).collect(),
            timeout_secs: 10,
            description: None,
            headers: Vec::new(),
            authentication: None,
            no_retry_statuses: Vec::new(),
            rules: DeliveryRules::default(),
            paused: false,
            secret: (self.id(), secret(7).into()),
            now: at(0),
        }
    }

    /// A replay to be made, to the endpoints.
    pub(crate) fn new_replay(&self, query: ReplayQuery) -> NewReplay {
        NewReplay {
            id: self.id(),
            project_id: self.project,
            query,
            target: None,
            rate: DEFAULT_RATE,
            now: at(0),
        }
    }

    /// Makes a source.
    pub(crate) async fn source(&self) -> SourceId {
        let made: Arc<Source> = self.store.create_source(self.new_source()).await.unwrap();
        made.id
    }

    /// Makes an endpoint that wants these types.
    pub(crate) async fn endpoint(&self, patterns: &[&str]) -> EndpointId {
        let made: Arc<Endpoint> = self.store.create_endpoint(self.new_endpoint(patterns)).await.unwrap();
        made.id
    }

    /// Makes an endpoint that wants everything under these rules.
    pub(crate) async fn endpoint_with(&self, rules: DeliveryRules) -> EndpointId {
        let new = NewEndpoint { rules, ..self.new_endpoint(&["*"]) };
        self.store.create_endpoint(new).await.unwrap().id
    }

    /// Makes an endpoint that wants what is about one object in order, and waits so long.
    pub(crate) async fn ordered_endpoint(&self, ordering_wait_secs: u32) -> EndpointId {
        let ordering = Ordering::Object;
        self.endpoint_with(DeliveryRules { ordering, ordering_wait_secs, ..DeliveryRules::default() }).await
    }

    /// The project's generation in the snapshot.
    pub(crate) fn generation(&self) -> u64 {
        self.store.config().project(self.project).expect("it always exists").generation
    }

    /// Claims everything of an endpoint that is due at `now`, for a minute.
    pub(crate) async fn claim(&self, endpoint: EndpointId, now: Timestamp) -> Vec<Claimed> {
        let until = now.plus(Duration::from_secs(60));
        self.store.claim(endpoint, now, until, 1000).await.unwrap()
    }

    /// Claims the one delivery of an endpoint that is due at `now`, for a minute.
    pub(crate) async fn claim_one(&self, endpoint: EndpointId, now: Timestamp) -> Claimed {
        let mut claimed = self.claim(endpoint, now).await;
        assert_eq!(claimed.len(), 1, "one delivery was to be due");
        claimed.remove(0)
    }

    /// An event with all that belongs to it.
    pub(crate) async fn event(&self, id: EventId) -> EventDetail {
        self.store.event(self.project, id).await.unwrap()
    }

    /// The first delivery of an event.
    pub(crate) async fn delivery(&self, event_id: EventId) -> Delivery {
        self.event(event_id).await.deliveries.remove(0).delivery
    }

    /// The `webhook-id` of everything of an endpoint that is due at `now`, in the order of the claim; the
    /// claim stays.
    pub(crate) async fn claim_names(&self, endpoint: EndpointId, now: Timestamp) -> Vec<String> {
        self.claim(endpoint, now).await.into_iter().map(|claimed| claimed.webhook_id).collect()
    }

    /// The ids that a list gives, in its order; at most 100.
    pub(crate) async fn list(&self, filter: EventFilter) -> Vec<EventId> {
        let page = PageRequest { limit: 100, ..PageRequest::default() };
        let page = self.store.list_events(self.project, filter, page).await.unwrap();
        page.items.into_iter().map(|event| event.id).collect()
    }
}
