//! Everything between ingest and a receiver, in this process: real database, real sockets, fake time.

mod builder;
mod endpoints;
mod node;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use bytes::Bytes;
use ringback_delivery::{Dispatcher, Entry, IncomingEvent};
use ringback_domain::{
    Clock, EventId, EventRecord, IdMaker, ProjectId, Source, SourceId, SourceKind, Timestamp, TypedId,
};
use ringback_store::{
    Appended, EventDetail, EventFilter, NewSource, PageRequest, SqliteStore, Store, StoreError,
};
use tempfile::TempDir;

use crate::clock::FakeClock;
use crate::faults::Faults;
use crate::faulty_store::FaultyStore;
use crate::secret::secret;
use crate::wait::until;

pub use builder::WorldBuilder;
use node::Node;

/// When every world begins: 2025-06-15T15:06:40Z.
pub const START: Timestamp = Timestamp::from_unix_secs(1_750_000_000);

/// How many sleepers a deliverer has on its clock while it waits: itself, the reclaimer, the replayer and the
/// pruner.
const SLEEPERS: usize = 4;

/// A store with a source, and a deliverer at work on it.
///
/// Its tasks run on a runtime of their own, so that a test can end them all at once, in the middle of
/// whatever they do ([`World::restart`]), as a crash would. Time-outs of attempts are real time; everything
/// that is scheduled is fake time.
pub struct World {
    /// The time. Jitter is off unless asked for, so that retries fall on the schedule's very seconds.
    pub clock: FakeClock,
    /// The project that everything belongs to.
    pub project: ProjectId,
    source: SourceId,
    ids: Arc<IdMaker>,
    builder: WorldBuilder,
    folder: TempDir,
    store: Arc<SqliteStore>,
    faults: Faults,
    node: Node,
}

impl World {
    /// A world with the server's defaults that may call loopback.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A world with other limits, or with another rule about whom it may call.
    #[must_use]
    pub fn builder() -> WorldBuilder {
        WorldBuilder::default()
    }

    /// The switch by which the store fails that the deliverer and the dispatcher work on. A restart heals it.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The store that deliverer and dispatcher work on, for others that are to work on it too. None of them
    /// may have it any more when the world is restarted.
    #[must_use]
    pub fn faulty_store(&self) -> Arc<dyn Store> {
        let store: Arc<dyn Store> = Arc::<SqliteStore>::clone(&self.store);
        Arc::new(FaultyStore::new(store, self.faults.clone()))
    }

    /// The store itself, which does not fail.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// The dispatcher. What it is asked for runs on the runtime of whoever asks.
    #[must_use]
    pub fn dispatcher(&self) -> &Dispatcher {
        &self.node.dispatcher
    }

    /// A verified call received now: `webhook_id` is its id, the body is JSON or not.
    #[must_use]
    pub fn event(&self, webhook_id: &str, event_type: &str, body: impl Into<Bytes>) -> IncomingEvent {
        let payload = body.into();
        let sha256 = digest::digest(&digest::SHA256, &payload);
        IncomingEvent {
            project_id: self.project,
            source_id: self.source,
            entry: Entry::Call(self.id()),
            received_at: self.clock.now(),
            event_type: event_type.to_owned(),
            webhook_id: webhook_id.to_owned(),
            upstream_event_id: None,
            object_id: None,
            payload_sha256: sha256.as_ref().try_into().expect("SHA-256 is 32 bytes long"),
            payload,
        }
    }

    /// Dispatches a call on the world's own runtime.
    ///
    /// # Errors
    /// As [`Dispatcher::dispatch`].
    pub async fn try_dispatch(&self, event: IncomingEvent) -> Result<Appended, StoreError> {
        self.node.dispatch(event).await
    }

    /// Dispatches a call with this `webhook-id`, type and a small body; gives the event's id.
    pub async fn dispatch(&self, webhook_id: &str, event_type: &str) -> EventId {
        let body = format!(r#"{{"type":"{event_type}","webhook_id":"{webhook_id}"}}"#);
        let event = self.event(webhook_id, event_type, body);
        self.try_dispatch(event).await.expect("a healthy store takes an event").event_id
    }

    /// An event with all that was done for it.
    pub async fn detail(&self, id: EventId) -> EventDetail {
        self.store.event(self.project, id).await.expect("the event is there")
    }

    /// The newest events, newest first; at most 20.
    pub async fn events(&self) -> Vec<EventRecord> {
        let page = self.store.list_events(self.project, EventFilter::default(), PageRequest::default());
        page.await.expect("a healthy store lists events").items
    }

    /// Waits until an event's rows are as wanted; gives them.
    ///
    /// # Panics
    /// When they are not within [`crate::PATIENCE`].
    pub async fn detail_once(
        &self,
        id: EventId,
        what: &str,
        wanted: impl Fn(&EventDetail) -> bool,
    ) -> EventDetail {
        until(what, || async { Some(self.detail(id).await).filter(&wanted) }).await
    }

    /// Waits until the one delivery of an event has so many attempts on record, and nobody is at it.
    ///
    /// # Panics
    /// When that does not happen within [`crate::PATIENCE`].
    pub async fn attempted(&self, id: EventId, attempts: usize) -> EventDetail {
        let wanted = |detail: &EventDetail| {
            let [only] = detail.deliveries.as_slice() else { panic!("the event was to have one delivery") };
            only.attempts.len() >= attempts && !only.delivery.in_flight
        };
        self.detail_once(id, &format!("attempt {attempts} to be recorded"), wanted).await
    }

    /// Waits until the deliverer has looked at what is due by now and gone back to waiting. What it has
    /// claimed may still be under way.
    pub async fn settled(&self) {
        self.clock.settled(SLEEPERS).await;
    }

    /// Turns the clock, and waits until the deliverer has looked at what that made due.
    pub async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.settled().await;
    }

    /// Stops claiming and waits, at most `grace` of real time, for the attempts under way.
    pub fn drain(&self, grace: Duration) -> impl Future<Output = bool> + Send + 'static {
        let deliverer = self.node.deliverer.clone();
        async move { deliverer.drain(grace).await }
    }

    /// Ends everything at once, as a crash does, and starts again on the same data folder, at the same time.
    ///
    /// # Panics
    /// When something still holds the store after that.
    pub async fn restart(self) -> Self {
        let Self { clock, ids, builder, folder, store, node, .. } = self;
        node.crash().await;
        let store = Arc::into_inner(store).expect("a crash leaves nobody who uses the store");
        drop(store);
        builder.start_in(folder, clock, ids).await
    }

    /// A fresh id.
    #[must_use]
    pub fn id<I: TypedId>(&self) -> I {
        self.ids.next(self.clock.now())
    }

    /// The world's source, which knows the secret number 1.
    #[must_use]
    pub fn source(&self) -> SourceId {
        self.source
    }
}

/// The source of a world: the one of its own that is there, else a new one.
async fn source(store: &dyn Store, project: ProjectId, ids: &IdMaker, now: Timestamp) -> SourceId {
    let sources = store.list_sources(project, PageRequest::default()).await;
    let sources = sources.expect("a healthy store lists sources").items;
    if let Some(source) = sources.iter().find(|source| source.kind == SourceKind::OpenAi) {
        return source.id;
    }
    let id: SourceId = ids.next(now);
    let new = NewSource {
        id,
        project_id: project,
        name: "jobs".to_owned(),
        kind: SourceKind::OpenAi,
        token: format!("token-{id}"),
        secret: Some((ids.next(now), secret(1))),
        now,
    };
    let source: Arc<Source> = store.create_source(new).await.expect("a healthy store makes a source");
    source.id
}
