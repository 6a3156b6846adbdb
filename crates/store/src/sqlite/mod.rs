//! The embedded backend: one SQLite file in the data folder, owned by one process.
//!
//! The actors: the `writer` thread holds the only writing connection and commits whatever waits in one
//! transaction, so that one fsync serves many callers; the `readers` are a few read-only connections. WAL
//! mode lets them run side by side, `synchronous=FULL` makes every commit durable before it is answered. The
//! folder lock makes sure nobody else writes, so that every lease found at the start belongs to a process
//! that is gone.

mod api_keys;
mod append;
mod backlog;
mod claim;
mod columns;
mod condition;
mod deliveries;
mod endpoints;
mod event_types;
mod events;
mod expire;
mod finish;
mod folder;
mod health;
mod idempotency;
mod load;
mod log_check;
mod migrate;
mod opening;
mod options;
mod order;
#[cfg(test)]
mod plans;
mod presence;
mod projects;
mod prune;
mod readers;
mod receipts;
mod replay_plan;
mod replays;
mod reseal;
mod room;
mod rules;
mod secrets;
mod soundness;
mod sources;
mod status;
mod trouble;
mod writer;

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use ringback_domain::{
    ApiKey, ApiKeyId, DeliveryId, Endpoint, EndpointId, EventId, EventRecord, IdMaker, Project, ProjectId,
    Receipt, ReceiptId, SecretId, Source, SourceId, Timestamp,
};
use ringback_webhook::SigningSecret;

use crate::append::{Appended, Arrival};
use crate::config::Config;
use crate::error::{OpenError, StoreError};
use crate::idempotency::{Beginning, Begun, IdempotencyKey, StoredAnswer};
use crate::keyring::Keyring;
use crate::page::{Page, PageRequest};
use crate::query::{
    Backlog, DeliveryFilter, DeliveryFound, DeliveryRecord, EventDetail, EventFilter, Redelivery,
};
use crate::receipts::{ReceiptDetail, ReceiptFilter, Refusal, RefusalCount};
use crate::rows::idempotency::RunId;
use crate::store::{
    EndpointChange, MaxAgeChange, NewApiKey, NewEndpoint, NewProject, NewSource, ProjectChange, Retention,
    Rotation, SourceChange, Store,
};
use crate::work::{Claimed, DueEndpoint, Finish, Finished, Unattempted};

pub use options::SqliteOptions;
pub use status::{SqliteStatus, migrate_sqlite, sqlite_in_use, sqlite_status};
pub use writer::WriterCounts;

/// The embedded store. Dropping it without [`Store::close`] is safe: everything answered is on disk.
pub struct SqliteStore {
    writer: writer::Writer,
    readers: readers::Readers,
    config: Arc<ArcSwap<Config>>,
    keyring: Arc<Keyring>,
    ids: Arc<IdMaker>,
    run_id: RunId,
    room: Arc<room::Room>,
    prune_walk: prune::Walk,
    past_limit: expire::Found,
    /// Held by whoever counts what a replay comes to.
    counting: tokio::sync::Semaphore,
    // Last, so that the lock is given up after the connections are gone.
    _lock: folder::FolderLock,
}

impl SqliteStore {
    /// Opens the database in the data folder, making both if they do not exist; brings the schema up to date;
    /// makes the `default` project; frees what a former process held under lease.
    ///
    /// Blocks on the disk: call it before serving.
    ///
    /// # Errors
    /// See [`OpenError`]; each says what to do.
    pub fn open(options: SqliteOptions) -> Result<Self, OpenError> {
        opening::open(options)
    }

    /// How many writes were committed, in how many transactions, since the start.
    #[must_use]
    pub fn writer_counts(&self) -> WriterCounts {
        self.writer.counts()
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn config(&self) -> Arc<Config> {
        self.config.load_full()
    }

    async fn set_admin_key(&self, sha256: [u8; 32]) -> Result<(), StoreError> {
        let work = move |tx: &rusqlite::Connection| load::set_admin_key(tx, &sha256);
        self.change(work, move |config, ()| config.put_admin_key(sha256)).await
    }

    async fn offer_admin_key(&self, sha256: [u8; 32]) -> Result<bool, StoreError> {
        let work = move |tx: &rusqlite::Connection| load::offer_admin_key(tx, &sha256);
        let in_force = self.change(work, |config, in_force| config.put_admin_key(*in_force)).await?;
        Ok(in_force == sha256)
    }

    async fn create_project(&self, project: NewProject) -> Result<Project, StoreError> {
        let (id, keyring) = (project.id, Arc::clone(&self.keyring));
        let work = move |tx: &rusqlite::Connection| {
            let made = projects::create(tx, &project)?;
            Ok((made, sources::of_project(tx, &keyring, id)?))
        };
        let publish = move |config: &mut Config, (made, sources): &(Project, Vec<Source>)| {
            config.put_project(made.clone(), 1);
            sources.iter().for_each(|source| config.put_source(&Arc::new(source.clone())));
        };
        self.change(work, publish).await.map(|(made, _)| made)
    }

    async fn update_project(
        &self,
        id: ProjectId,
        change: ProjectChange,
        now: Timestamp,
    ) -> Result<Project, StoreError> {
        let work = move |tx: &rusqlite::Connection| projects::update(tx, id, &change, now);
        // The generation is that of what the project has, which stays as it is.
        self.change(work, |config, project| config.put_project(project.clone(), 1)).await
    }

    async fn create_api_key(&self, key: NewApiKey) -> Result<Arc<ApiKey>, StoreError> {
        let work = move |tx: &rusqlite::Connection| api_keys::create(tx, &key);
        self.change(work, Config::put_api_key).await
    }

    async fn note_api_key_use(
        &self,
        project_id: ProjectId,
        id: ApiKeyId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let work = move |tx: &rusqlite::Connection| api_keys::note_use(tx, project_id, id, now);
        let publish = |config: &mut Config, key: &Option<Arc<ApiKey>>| {
            key.iter().for_each(|key| config.put_api_key(key));
        };
        self.change(work, publish).await.map(drop)
    }

    async fn delete_api_key(&self, project_id: ProjectId, id: ApiKeyId) -> Result<(), StoreError> {
        let work = move |tx: &rusqlite::Connection| api_keys::delete(tx, project_id, id);
        self.change(work, |config, key| config.remove_api_key(key)).await.map(drop)
    }

    async fn create_source(&self, source: NewSource) -> Result<Arc<Source>, StoreError> {
        let keyring = Arc::clone(&self.keyring);
        let work = move |tx: &rusqlite::Connection| sources::create(tx, &keyring, &source);
        self.change(work, Config::put_source).await
    }

    async fn update_source(
        &self,
        project_id: ProjectId,
        id: SourceId,
        change: SourceChange,
        now: Timestamp,
    ) -> Result<Arc<Source>, StoreError> {
        let keyring = Arc::clone(&self.keyring);
        let work =
            move |tx: &rusqlite::Connection| sources::update(tx, &keyring, project_id, id, &change, now);
        self.change(work, Config::put_source).await
    }

    async fn delete_source(
        &self,
        project_id: ProjectId,
        id: SourceId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let keyring = Arc::clone(&self.keyring);
        let work = move |tx: &rusqlite::Connection| sources::delete(tx, &keyring, project_id, id, now);
        self.change(work, |config, source| config.remove_source(source)).await.map(drop)
    }

    async fn add_source_secret(
        &self,
        project_id: ProjectId,
        id: SourceId,
        secret: (SecretId, SigningSecret),
        now: Timestamp,
    ) -> Result<Arc<Source>, StoreError> {
        let keyring = Arc::clone(&self.keyring);
        let work =
            move |tx: &rusqlite::Connection| sources::add_secret(tx, &keyring, project_id, id, &secret, now);
        self.change(work, Config::put_source).await
    }

    async fn remove_source_secret(
        &self,
        project_id: ProjectId,
        id: SourceId,
        secret_id: SecretId,
        now: Timestamp,
    ) -> Result<Arc<Source>, StoreError> {
        let keyring = Arc::clone(&self.keyring);
        let work = move |tx: &rusqlite::Connection| {
            sources::remove_secret(tx, &keyring, project_id, id, secret_id, now)
        };
        self.change(work, Config::put_source).await
    }

    async fn list_sources(
        &self,
        project_id: ProjectId,
        page: PageRequest<SourceId>,
    ) -> Result<Page<Arc<Source>>, StoreError> {
        self.readers.check_open()?;
        // This process is the only writer, so its snapshot is the truth.
        let config = self.config.load();
        Ok(config.project(project_id).ok_or(StoreError::NotFound { noun: "project" })?.list_sources(page))
    }

    async fn create_endpoint(&self, endpoint: NewEndpoint) -> Result<Arc<Endpoint>, StoreError> {
        let keyring = Arc::clone(&self.keyring);
        let work = move |tx: &rusqlite::Connection| endpoints::create(tx, &keyring, &endpoint);
        self.change_endpoint(work).await
    }

    async fn update_endpoint(
        &self,
        project_id: ProjectId,
        id: EndpointId,
        change: EndpointChange,
        now: Timestamp,
    ) -> Result<Arc<Endpoint>, StoreError> {
        let keyring = Arc::clone(&self.keyring);
        let work =
            move |tx: &rusqlite::Connection| endpoints::update(tx, &keyring, project_id, id, &change, now);
        self.change_endpoint(work).await
    }

    async fn rotate_endpoint_secret(
        &self,
        project_id: ProjectId,
        id: EndpointId,
        rotation: Rotation,
    ) -> Result<Arc<Endpoint>, StoreError> {
        let keyring = Arc::clone(&self.keyring);
        let work = move |tx: &rusqlite::Connection| {
            endpoints::rotate_secret(tx, &keyring, project_id, id, &rotation)
        };
        self.change_endpoint(work).await
    }

    async fn revoke_endpoint_secret(
        &self,
        project_id: ProjectId,
        id: EndpointId,
        secret_id: SecretId,
        now: Timestamp,
    ) -> Result<Arc<Endpoint>, StoreError> {
        let keyring = Arc::clone(&self.keyring);
        let work = move |tx: &rusqlite::Connection| {
            endpoints::revoke_secret(tx, &keyring, project_id, id, secret_id, now)
        };
        self.change_endpoint(work).await
    }

    async fn delete_endpoint(
        &self,
        project_id: ProjectId,
        id: EndpointId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let keyring = Arc::clone(&self.keyring);
        let work = move |tx: &rusqlite::Connection| endpoints::delete(tx, &keyring, project_id, id, now);
        self.change(work, |config, changed| config.remove_endpoint(&changed.endpoint, changed.generation))
            .await
            .map(drop)
    }

    async fn list_endpoints(
        &self,
        project_id: ProjectId,
        page: PageRequest<EndpointId>,
    ) -> Result<Page<Arc<Endpoint>>, StoreError> {
        self.readers.check_open()?;
        let config = self.config.load();
        Ok(config.project(project_id).ok_or(StoreError::NotFound { noun: "project" })?.list_endpoints(page))
    }

    async fn append(&self, arrival: Arrival) -> Result<Appended, StoreError> {
        let ids = Arc::clone(&self.ids);
        let deliveries = arrival.planned().len();
        self.writer.append_or_refuse(deliveries, move |tx| append::append(tx, &ids, &arrival)).await
    }

    async fn append_all(&self, arrivals: Vec<Arrival>) -> Result<Vec<Appended>, StoreError> {
        let ids = Arc::clone(&self.ids);
        let deliveries = arrivals.iter().map(|arrival| arrival.planned().len()).sum();
        self.writer.append_or_refuse(deliveries, move |tx| append::append_all(tx, &ids, &arrivals)).await
    }

    async fn record_refusals(
        &self,
        refusals: Vec<Refusal>,
        counts: Vec<RefusalCount>,
    ) -> Result<(), StoreError> {
        self.writer.write_or_refuse(move |tx| receipts::record_refusals(tx, &refusals, &counts)).await
    }

    async fn list_receipts(
        &self,
        project_id: ProjectId,
        filter: ReceiptFilter,
        page: PageRequest<ReceiptId>,
    ) -> Result<Page<Receipt>, StoreError> {
        self.readers.read(move |db| receipts::list(db, project_id, filter, page)).await
    }

    async fn receipt(&self, project_id: ProjectId, id: ReceiptId) -> Result<ReceiptDetail, StoreError> {
        let found = self.readers.read(move |db| receipts::detail(db, project_id, id)).await?;
        found.ok_or(StoreError::NotFound { noun: "webhook receipt" })
    }

    async fn held_calls(
        &self,
        source_id: SourceId,
        after: Option<ReceiptId>,
        limit: usize,
    ) -> Result<Vec<ReceiptDetail>, StoreError> {
        self.readers.read(move |db| receipts::held(db, source_id, after, limit)).await
    }

    async fn refusal_counts(&self, project_id: ProjectId) -> Result<Vec<RefusalCount>, StoreError> {
        self.readers.read(move |db| receipts::counts(db, project_id)).await
    }

    async fn due_endpoints(&self) -> Result<Vec<DueEndpoint>, StoreError> {
        self.readers.read(claim::due_endpoints).await
    }

    async fn claim(
        &self,
        endpoint_id: EndpointId,
        now: Timestamp,
        lease_expires_at: Timestamp,
        limit: usize,
    ) -> Result<Vec<Claimed>, StoreError> {
        let rows =
            self.writer.write(move |tx| claim::claim(tx, endpoint_id, now, lease_expires_at, limit)).await?;
        // The bodies are read outside the writer's transaction: they are large, and the writer is one thread.
        self.readers.read(move |db| claim::with_payloads(db, rows)).await
    }

    fn may_claim(&self, _: &Endpoint) -> bool {
        true
    }

    fn is_fenced(&self) -> bool {
        false
    }

    fn holds_leases_since(&self, _: Instant) -> bool {
        true
    }

    async fn finish(&self, finish: Finish) -> Result<Finished, StoreError> {
        let (keyring, shared) = (Arc::clone(&self.keyring), Arc::clone(&self.config));
        let publish = move |outcome: &finish::Outcome| {
            // Rare, and a new snapshot is a copy of all.
            if let Some(changed) = &outcome.changed {
                let mut config = Config::clone(&shared.load());
                config.put_endpoint(&changed.endpoint, changed.generation);
                shared.store(Arc::new(config));
            }
        };
        let work = move |tx: &rusqlite::Connection| finish::finish(tx, &keyring, &finish);
        self.writer.write_and(work, publish).await.map(|outcome| outcome.finished)
    }

    async fn release(&self, deliveries: Vec<Unattempted>) -> Result<(), StoreError> {
        self.writer.write(move |tx| claim::release(tx, &deliveries)).await
    }

    async fn expire(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.writer.write(move |tx| expire::expire(tx, now, limit)).await
    }

    async fn give_up(&self, now: Timestamp, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.give_up_step(now, before, limit).await
    }

    async fn reclaim(&self, now: Timestamp) -> Result<usize, StoreError> {
        self.writer.write(move |tx| claim::reclaim(tx, now)).await
    }

    async fn cancel_orphans(
        &self,
        endpoint_id: EndpointId,
        now: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.writer.write(move |tx| endpoints::cancel_orphans(tx, endpoint_id, now, limit)).await
    }

    async fn list_deliveries(
        &self,
        project_id: ProjectId,
        filter: DeliveryFilter,
        page: PageRequest<DeliveryId>,
    ) -> Result<Page<DeliveryRecord>, StoreError> {
        self.readers.read(move |db| deliveries::list(db, project_id, filter, page)).await
    }

    async fn delivery(&self, project_id: ProjectId, id: DeliveryId) -> Result<DeliveryFound, StoreError> {
        let found = self.readers.read(move |db| deliveries::detail(db, project_id, id)).await?;
        found.ok_or(StoreError::NotFound { noun: "webhook delivery" })
    }

    async fn redeliver(
        &self,
        project_id: ProjectId,
        redeliveries: Vec<Redelivery>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.writer.write(move |tx| deliveries::redeliver(tx, project_id, &redeliveries, now)).await
    }

    async fn cancel_delivery(
        &self,
        project_id: ProjectId,
        id: DeliveryId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.writer.write(move |tx| deliveries::cancel(tx, project_id, id, now)).await
    }

    async fn list_events(
        &self,
        project_id: ProjectId,
        filter: EventFilter,
        page: PageRequest<EventId>,
    ) -> Result<Page<EventRecord>, StoreError> {
        self.readers.read(move |db| events::list(db, project_id, &filter, page)).await
    }

    async fn event(&self, project_id: ProjectId, id: EventId) -> Result<EventDetail, StoreError> {
        let found = self.readers.read(move |db| events::detail(db, project_id, id)).await?;
        found.ok_or(StoreError::NotFound { noun: "webhook event" })
    }

    async fn payload(&self, project_id: ProjectId, id: EventId) -> Result<Bytes, StoreError> {
        let found = self.readers.read(move |db| events::payload(db, project_id, id)).await?;
        found.ok_or(StoreError::NotFound { noun: "webhook event" })
    }

    async fn has_seen_type(&self, project_id: ProjectId, event_type: &str) -> Result<bool, StoreError> {
        let event_type = event_type.to_owned();
        self.readers.read(move |db| events::has_seen_type(db, project_id, &event_type)).await
    }

    async fn seen_types(&self, project_id: ProjectId, limit: usize) -> Result<Vec<String>, StoreError> {
        self.readers.read(move |db| event_types::seen(db, project_id, limit)).await
    }

    async fn register_event_type(
        &self,
        project_id: ProjectId,
        name: String,
        max_age: MaxAgeChange,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let registered = name.clone();
        let work =
            move |tx: &rusqlite::Connection| event_types::register(tx, project_id, &name, max_age, now);
        let publish = move |config: &mut Config, secs: &Option<u32>| {
            config.put_event_type(project_id, &registered, *secs);
        };
        self.change(work, publish).await.map(drop)
    }

    async fn begin_idempotent(&self, beginning: Beginning) -> Result<Begun, StoreError> {
        let (keyring, run_id) = (Arc::clone(&self.keyring), self.run_id);
        self.writer.write_or_refuse(move |tx| idempotency::begin(tx, &keyring, run_id, &beginning)).await
    }

    async fn complete_idempotent(&self, key: IdempotencyKey, answer: StoredAnswer) -> Result<(), StoreError> {
        let keyring = Arc::clone(&self.keyring);
        self.writer.write(move |tx| idempotency::complete(tx, &keyring, &key, &answer)).await
    }

    async fn forget_idempotent(&self, key: IdempotencyKey) -> Result<(), StoreError> {
        self.writer.write(move |tx| idempotency::forget(tx, &key)).await
    }

    async fn backlog(&self, project_id: ProjectId) -> Result<Backlog, StoreError> {
        self.readers.read(move |db| backlog::backlog(db, project_id)).await
    }

    async fn prune(&self, retention: Retention) -> Result<usize, StoreError> {
        let (walk, before) = (&self.prune_walk, retention.events_before);
        // While there is nothing to remove, the walk goes on until it finds something.
        loop {
            let look = |place| self.readers.read(move |db| prune::look(db, before, place));
            let goes_on = walk.go_on(look).await;
            let found = walk.take(retention.limit);
            let removed = self.writer.write(move |tx| prune::prune(tx, retention, &found)).await?;
            if removed > 0 || !goes_on {
                walk.end_step(removed);
                return Ok(removed);
            }
        }
    }

    async fn check(&self) -> Result<(), StoreError> {
        let room = Arc::clone(&self.room);
        // On the writer's thread, so that no two checks of the room run side by side.
        let work = move |tx: &rusqlite::Connection| {
            let no_room = |error| writer::WriteError::Answer(StoreError::Unavailable(Arc::new(error)));
            room.check().map_err(no_room)?;
            load::touch(tx)
        };
        self.writer.write_or_refuse(work).await
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

impl SqliteStore {
    async fn change_endpoint(
        &self,
        work: impl FnMut(&rusqlite::Connection) -> Result<endpoints::Changed, writer::WriteError> + Send + 'static,
    ) -> Result<Arc<Endpoint>, StoreError> {
        self.change(work, |config, changed| config.put_endpoint(&changed.endpoint, changed.generation))
            .await
            .map(|changed| changed.endpoint)
    }

    /// Writes a change of the configuration, then publishes it, then answers: in that order, on the writer's
    /// thread, so that no later write can see a snapshot older than the rows.
    async fn change<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&rusqlite::Connection) -> Result<T, writer::WriteError> + Send + 'static,
        publish: impl Fn(&mut Config, &T) + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.config);
        let publish = move |changed: &T| {
            let mut config = Config::clone(&shared.load());
            publish(&mut config, changed);
            shared.store(Arc::new(config));
        };
        self.writer.write_and(move |tx| work(tx), publish).await
    }
}
