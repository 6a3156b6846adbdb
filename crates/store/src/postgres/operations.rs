//! The store's operations: each a read, a batch's part, a transaction of its own, or a change of the
//! configuration.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use ringback_domain::{
    ApiKey, ApiKeyId, DeliveryId, Endpoint, EndpointId, EventId, EventRecord, Project, ProjectId, Receipt,
    ReceiptId, SecretId, Source, SourceId, Timestamp,
};
use ringback_webhook::SigningSecret;
use tokio::time::timeout;

use super::again::until_it_meets_none;
use super::batch::Work;
use super::endpoints::Changed;
use super::failure::{DatabaseError, Failure};
use super::mislaid::Held;
use super::owners::{Way, needs_owner};
use super::{
    PostgresStore, api_keys, backlog, claim, deliveries, endpoints, event_types, events, expire, idempotency,
    load, orphans, projects, prune, prune_walk, receipts, sources,
};
use crate::append::{Appended, Arrival};
use crate::config::Config;
use crate::error::StoreError;
use crate::idempotency::{Beginning, Begun, IdempotencyKey, StoredAnswer};
use crate::page::{Page, PageRequest};
use crate::query::{
    Backlog, DeliveryFilter, DeliveryFound, DeliveryRecord, EventDetail, EventFilter, Redelivery,
};
use crate::receipts::{ReceiptDetail, ReceiptFilter, Refusal, RefusalCount};
use crate::store::{
    EndpointChange, MaxAgeChange, NewApiKey, NewEndpoint, NewProject, NewSource, ProjectChange, Retention,
    Rotation, SourceChange, Store,
};
use crate::work::{Claimed, DueEndpoint, Finish, Finished, Unattempted};

/// How many events may go together without waiting for a place.
const SMALL_GROUP: usize = 16;
/// How many events of larger groups are on their way through the writer's queue at once.
pub(super) const GROUPED_EVENTS: u32 = 4000;
/// How long the API waits for a place to read in.
const BROWSE_WAIT: Duration = Duration::from_secs(5);

/// Reads over a connection of the pool.
macro_rules! read {
    ($store:ident, |$connection:ident| $work:expr) => {{
        let outcome = async {
            let $connection = &$store.connections.get().await?;
            $work.await
        };
        $store.read(outcome.await)
    }};
}

/// Reads what may take long, at the API's bidding: in one of the places for that, so that connections are
/// left for everything else.
macro_rules! browse {
    ($store:ident, |$connection:ident| $work:expr) => {{
        let outcome = async {
            let place = timeout(BROWSE_WAIT, $store.browsing.acquire()).await;
            let _place = place.ok().and_then(Result::ok).ok_or_else(no_place)?;
            let $connection = &$store.connections.get().await?;
            $work.await
        };
        $store.read(outcome.await)
    }};
}

/// Writes in a transaction of its own.
macro_rules! write {
    ($store:ident, |$tx:ident| $work:expr) => {{
        let attempt = async || {
            let tx = $store.connections.write().await?;
            let $tx = &*tx;
            let value = $work.await?;
            tx.commit().await?;
            Ok(value)
        };
        $store.written(until_it_meets_none!(attempt()))
    }};
}

/// Changes the configuration: in its rows, and then in the snapshot.
macro_rules! change {
    ($store:ident, |$tx:ident| $work:expr, |$config:ident, $value:ident| $publish:expr) => {{
        let attempt = async || {
            let change = $store.snapshot.change().await?;
            let $tx = &*change;
            let value = $work.await?;
            let $value = &value;
            change.commit(|$config: &mut Config| $publish).await?;
            Ok(value)
        };
        $store.written(until_it_meets_none!(attempt()))
    }};
}

#[async_trait]
impl Store for PostgresStore {
    fn config(&self) -> Arc<Config> {
        self.snapshot.config()
    }

    async fn set_admin_key(&self, sha256: [u8; 32]) -> Result<(), StoreError> {
        change!(self, |tx| load::set_admin_key(tx, &sha256), |config, _done| config.put_admin_key(sha256))
    }

    async fn offer_admin_key(&self, sha256: [u8; 32]) -> Result<bool, StoreError> {
        let in_force = change!(self, |tx| load::offer_admin_key(tx, &sha256), |config, in_force| {
            config.put_admin_key(*in_force);
        })?;
        Ok(in_force == sha256)
    }

    async fn create_project(&self, project: NewProject) -> Result<Project, StoreError> {
        let made = change!(self, |tx| projects::create(tx, &self.keyring, &project), |config, made| {
            config.put_project(made.0.clone(), 1);
            config.put_source(&made.1);
        });
        made.map(|(project, _)| project)
    }

    async fn update_project(
        &self,
        id: ProjectId,
        change: ProjectChange,
        now: Timestamp,
    ) -> Result<Project, StoreError> {
        // The generation is that of what the project has, which stays as it is.
        change!(self, |tx| projects::update(tx, id, &change, now), |config, project| {
            config.put_project(project.clone(), 1);
        })
    }

    async fn create_api_key(&self, key: NewApiKey) -> Result<Arc<ApiKey>, StoreError> {
        change!(self, |tx| api_keys::create(tx, &key), |config, key| config.put_api_key(key))
    }

    async fn note_api_key_use(
        &self,
        project_id: ProjectId,
        id: ApiKeyId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        // Too often for all nodes to read everything anew each time.
        let noted = write!(self, |tx| api_keys::note_use(tx, project_id, id, now))?;
        if let Some(key) = noted {
            self.snapshot.patch(|config| config.note_api_key(&key)).await;
        }
        Ok(())
    }

    async fn delete_api_key(&self, project_id: ProjectId, id: ApiKeyId) -> Result<(), StoreError> {
        change!(self, |tx| api_keys::delete(tx, project_id, id), |config, key| config.remove_api_key(key))
            .map(drop)
    }

    async fn create_source(&self, source: NewSource) -> Result<Arc<Source>, StoreError> {
        change!(self, |tx| sources::create(tx, &self.keyring, &source), |config, source| {
            config.put_source(source);
        })
    }

    async fn update_source(
        &self,
        project_id: ProjectId,
        id: SourceId,
        change: SourceChange,
        now: Timestamp,
    ) -> Result<Arc<Source>, StoreError> {
        change!(
            self,
            |tx| sources::update(tx, &self.keyring, project_id, id, &change, now),
            |config, source| config.put_source(source)
        )
    }

    async fn delete_source(
        &self,
        project_id: ProjectId,
        id: SourceId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        change!(self, |tx| sources::delete(tx, &self.keyring, project_id, id, now), |config, source| {
            config.remove_source(source);
        })
        .map(drop)
    }

    async fn add_source_secret(
        &self,
        project_id: ProjectId,
        id: SourceId,
        secret: (SecretId, SigningSecret),
        now: Timestamp,
    ) -> Result<Arc<Source>, StoreError> {
        change!(
            self,
            |tx| sources::add_secret(tx, &self.keyring, project_id, id, &secret, now),
            |config, source| config.put_source(source)
        )
    }

    async fn remove_source_secret(
        &self,
        project_id: ProjectId,
        id: SourceId,
        secret_id: SecretId,
        now: Timestamp,
    ) -> Result<Arc<Source>, StoreError> {
        change!(
            self,
            |tx| sources::remove_secret(tx, &self.keyring, project_id, id, secret_id, now),
            |config, source| config.put_source(source)
        )
    }

    async fn list_sources(
        &self,
        project_id: ProjectId,
        page: PageRequest<SourceId>,
    ) -> Result<Page<Arc<Source>>, StoreError> {
        self.connections.check_open()?;
        let config = self.snapshot.config();
        Ok(config.project(project_id).ok_or(StoreError::NotFound { noun: "project" })?.list_sources(page))
    }

    async fn create_endpoint(&self, endpoint: NewEndpoint) -> Result<Arc<Endpoint>, StoreError> {
        change!(self, |tx| endpoints::create(tx, &self.keyring, &endpoint), |config, changed| {
            changed.put(config);
        })
        .map(Changed::into_endpoint)
    }

    async fn update_endpoint(
        &self,
        project_id: ProjectId,
        id: EndpointId,
        change: EndpointChange,
        now: Timestamp,
    ) -> Result<Arc<Endpoint>, StoreError> {
        change!(
            self,
            |tx| endpoints::update(tx, &self.keyring, project_id, id, &change, now),
            |config, changed| changed.put(config)
        )
        .map(Changed::into_endpoint)
    }

    async fn rotate_endpoint_secret(
        &self,
        project_id: ProjectId,
        id: EndpointId,
        rotation: Rotation,
    ) -> Result<Arc<Endpoint>, StoreError> {
        change!(
            self,
            |tx| endpoints::rotate_secret(tx, &self.keyring, project_id, id, &rotation),
            |config, changed| changed.put(config)
        )
        .map(Changed::into_endpoint)
    }

    async fn revoke_endpoint_secret(
        &self,
        project_id: ProjectId,
        id: EndpointId,
        secret_id: SecretId,
        now: Timestamp,
    ) -> Result<Arc<Endpoint>, StoreError> {
        change!(
            self,
            |tx| endpoints::revoke_secret(tx, &self.keyring, project_id, id, secret_id, now),
            |config, changed| changed.put(config)
        )
        .map(Changed::into_endpoint)
    }

    async fn delete_endpoint(
        &self,
        project_id: ProjectId,
        id: EndpointId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        change!(self, |tx| endpoints::delete(tx, &self.keyring, project_id, id, now), |config, changed| {
            config.remove_endpoint(&changed.endpoint, changed.generation);
        })
        .map(drop)
    }

    async fn list_endpoints(
        &self,
        project_id: ProjectId,
        page: PageRequest<EndpointId>,
    ) -> Result<Page<Arc<Endpoint>>, StoreError> {
        self.connections.check_open()?;
        let config = self.snapshot.config();
        Ok(config.project(project_id).ok_or(StoreError::NotFound { noun: "project" })?.list_endpoints(page))
    }

    async fn append(&self, arrival: Arrival) -> Result<Appended, StoreError> {
        let mut appended = self.append_work(Work::Append(Box::new(arrival))).await?;
        appended.pop().ok_or(StoreError::Closed)
    }

    async fn append_all(&self, arrivals: Vec<Arrival>) -> Result<Vec<Appended>, StoreError> {
        // They wait here, and not before everybody else in the queue.
        let _place = if arrivals.len() > SMALL_GROUP {
            // The largest that the API lets through has a quarter of them; a larger one has all.
            let places = u32::try_from(arrivals.len()).unwrap_or(GROUPED_EVENTS).min(GROUPED_EVENTS);
            let place = timeout(BROWSE_WAIT, self.groups.acquire_many(places)).await;
            Some(place.ok().and_then(Result::ok).ok_or(StoreError::Overloaded)?)
        } else {
            None
        };
        self.append_work(Work::AppendAll(arrivals)).await
    }

    async fn record_refusals(
        &self,
        refusals: Vec<Refusal>,
        counts: Vec<RefusalCount>,
    ) -> Result<(), StoreError> {
        write!(self, |tx| receipts::record_refusals(tx, &refusals, &counts))
    }

    async fn list_receipts(
        &self,
        project_id: ProjectId,
        filter: ReceiptFilter,
        page: PageRequest<ReceiptId>,
    ) -> Result<Page<Receipt>, StoreError> {
        browse!(self, |connection| receipts::list(connection, project_id, filter, page))
    }

    async fn receipt(&self, project_id: ProjectId, id: ReceiptId) -> Result<ReceiptDetail, StoreError> {
        read!(self, |connection| receipts::detail(connection, project_id, id))
    }

    async fn held_calls(
        &self,
        source_id: SourceId,
        after: Option<ReceiptId>,
        limit: usize,
    ) -> Result<Vec<ReceiptDetail>, StoreError> {
        read!(self, |connection| receipts::held(connection, source_id, after, limit))
    }

    async fn refusal_counts(&self, project_id: ProjectId) -> Result<Vec<RefusalCount>, StoreError> {
        browse!(self, |connection| receipts::counts(connection, project_id))
    }

    async fn due_endpoints(&self) -> Result<Vec<DueEndpoint>, StoreError> {
        read!(self, |connection| claim::due_endpoints(connection))
    }

    async fn claim(
        &self,
        endpoint_id: EndpointId,
        now: Timestamp,
        lease_expires_at: Timestamp,
        limit: usize,
    ) -> Result<Vec<Claimed>, StoreError> {
        self.told_time.note(now);
        self.skew.check()?;
        let wanted = claim::Wanted { endpoint_id, now, lease_expires_at, limit };
        if self.config().endpoint(endpoint_id).is_some_and(|endpoint| needs_owner(endpoint)) {
            // Who only waits for its owner has learned nothing of the database.
            return match self.owners.way(endpoint_id) {
                Way::Wait => Ok(Vec::new()),
                way => self.written(self.claim_owned(wanted, way).await),
            };
        }
        self.claim_shared(wanted).await
    }

    fn may_claim(&self, endpoint: &Endpoint) -> bool {
        !needs_owner(endpoint) || self.owners.has(endpoint.id)
    }

    fn is_fenced(&self) -> bool {
        !(self.pulse.is_felt() && self.skew.is_bearable())
    }

    fn holds_leases_since(&self, then: Instant) -> bool {
        !self.is_fenced() && self.pulse.has_lived_since(then)
    }

    async fn heard_due(&self) -> Vec<EndpointId> {
        self.link.ears.due.take().await
    }

    async fn finish(&self, finish: Finish) -> Result<Finished, StoreError> {
        self.record(finish).await
    }

    async fn release(&self, deliveries: Vec<Unattempted>) -> Result<(), StoreError> {
        let freed = write!(self, |tx| claim::release(tx, &deliveries));
        if let Err(StoreError::Unavailable(_) | StoreError::InDoubt(_)) = &freed {
            self.mislaid.note(deliveries.iter().map(Held::claimed));
        }
        self.tell_due(freed?);
        Ok(())
    }

    async fn expire(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        write!(self, |tx| expire::expire(tx, self.leases, now, limit)).map(|ended| self.tell_expired(ended))
    }

    async fn give_up(&self, now: Timestamp, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        write!(self, |tx| expire::give_up(tx, now, before, limit)).map(|ended| self.tell_expired(ended))
    }

    async fn reclaim(&self, now: Timestamp) -> Result<usize, StoreError> {
        self.told_time.note(now);
        let freed = write!(self, |tx| claim::reclaim(tx, self.leases, now))?;
        let count = freed.len();
        self.tell_due(freed);
        Ok(count)
    }

    async fn cancel_orphans(
        &self,
        endpoint_id: EndpointId,
        now: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        write!(self, |tx| orphans::cancel(tx, endpoint_id, now, limit))
    }

    async fn list_deliveries(
        &self,
        project_id: ProjectId,
        filter: DeliveryFilter,
        page: PageRequest<DeliveryId>,
    ) -> Result<Page<DeliveryRecord>, StoreError> {
        browse!(self, |connection| deliveries::list(connection, project_id, filter, page))
    }

    async fn delivery(&self, project_id: ProjectId, id: DeliveryId) -> Result<DeliveryFound, StoreError> {
        self.read(deliveries::detail(&self.connections, project_id, id).await)
    }

    async fn redeliver(
        &self,
        project_id: ProjectId,
        redeliveries: Vec<Redelivery>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        write!(self, |tx| deliveries::redeliver(tx, project_id, &redeliveries, now))?;
        self.tell_due(redeliveries.iter().map(|redelivery| redelivery.endpoint_id));
        Ok(())
    }

    async fn cancel_delivery(
        &self,
        project_id: ProjectId,
        id: DeliveryId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let released = write!(self, |tx| deliveries::cancel(tx, project_id, id, now))?;
        self.tell_due(released);
        Ok(())
    }

    async fn list_events(
        &self,
        project_id: ProjectId,
        filter: EventFilter,
        page: PageRequest<EventId>,
    ) -> Result<Page<EventRecord>, StoreError> {
        browse!(self, |connection| events::list(connection, project_id, &filter, page))
    }

    async fn event(&self, project_id: ProjectId, id: EventId) -> Result<EventDetail, StoreError> {
        self.read(events::detail(&self.connections, project_id, id).await)
    }

    async fn payload(&self, project_id: ProjectId, id: EventId) -> Result<Bytes, StoreError> {
        read!(self, |connection| events::payload(connection, project_id, id))
    }

    async fn has_seen_type(&self, project_id: ProjectId, event_type: &str) -> Result<bool, StoreError> {
        browse!(self, |connection| events::has_seen_type(connection, project_id, event_type))
    }

    async fn seen_types(&self, project_id: ProjectId, limit: usize) -> Result<Vec<String>, StoreError> {
        browse!(self, |connection| event_types::seen(connection, project_id, limit))
    }

    async fn register_event_type(
        &self,
        project_id: ProjectId,
        name: String,
        max_age: MaxAgeChange,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        change!(self, |tx| event_types::register(tx, project_id, &name, max_age, now), |config, secs| config
            .put_event_type(project_id, &name, *secs))
        .map(drop)
    }

    async fn begin_idempotent(&self, beginning: Beginning) -> Result<Begun, StoreError> {
        write!(self, |tx| idempotency::begin(tx, &self.keyring, self.leases.node.0, &beginning))
    }

    async fn complete_idempotent(&self, key: IdempotencyKey, answer: StoredAnswer) -> Result<(), StoreError> {
        write!(self, |tx| idempotency::complete(tx, &self.keyring, &key, &answer))
    }

    async fn forget_idempotent(&self, key: IdempotencyKey) -> Result<(), StoreError> {
        write!(self, |tx| idempotency::forget(tx, &key))
    }

    async fn backlog(&self, project_id: ProjectId) -> Result<Backlog, StoreError> {
        browse!(self, |connection| backlog::backlog(connection, project_id))
    }

    async fn prune(&self, retention: Retention) -> Result<usize, StoreError> {
        let swept = self.written(self.partitions.sweep(&self.connections, retention).await)?;
        // What is young by the database's clock stays, whatever that of this node says.
        let retention = retention.earlier_by(swept.ahead);
        let (walk, mut removed) = (&self.prune_walk, swept.removed);
        // While there is nothing to remove, the walk goes on until it finds something.
        loop {
            let look = async |place| Ok(prune_walk::look(&self.connections, &swept.row_by_row, place).await?);
            let goes_on = walk.go_on(look).await;
            let found = walk.take(retention.limit);
            match write!(self, |tx| prune::prune(tx, retention, &found))? {
                Some(count) => removed += count,
                None => walk.put_back(found),
            }
            if removed > 0 || !goes_on {
                walk.end_step(removed);
                return Ok(removed);
            }
        }
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.check_all().await
    }

    async fn close(&self) {
        self.leave().await;
    }
}

fn no_place() -> Failure {
    Failure::Unavailable(DatabaseError::NoConnection)
}
