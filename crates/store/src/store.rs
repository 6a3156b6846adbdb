//! The trait that every backend implements; `tests/conformance` is its specification in code.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use ringback_domain::retry::Schedule;
use ringback_domain::{
    ApiKey, ApiKeyId, Authentication, DeliveryId, DeliveryRules, Endpoint, EndpointId, EndpointKey, EventId,
    EventPattern, EventRecord, ExtraHeader, Ordering, Project, ProjectId, Receipt, ReceiptId, SecretId,
    Source, SourceId, SourceKind, SourceStatus, StalePolicy, Timestamp,
};
use ringback_webhook::SigningSecret;

use crate::append::{Appended, Arrival};
use crate::config::Config;
use crate::error::StoreError;
use crate::idempotency::{Beginning, Begun, IdempotencyKey, StoredAnswer};
use crate::page::{Page, PageRequest};
use crate::query::{
    Backlog, DeliveryFilter, DeliveryFound, DeliveryRecord, EventDetail, EventFilter, Redelivery,
};
use crate::receipts::{ReceiptDetail, ReceiptFilter, Refusal, RefusalCount};
use crate::replays::ReplayStore;
use crate::work::{Claimed, DueEndpoint, Finish, Finished, Unattempted};

/// A project to be made.
#[derive(Debug, Clone)]
pub struct NewProject {
    /// The id it gets.
    pub id: ProjectId,
    /// Unique.
    pub name: String,
    /// The id of the source of kind `publish` that comes with it.
    pub publish_source_id: SourceId,
    /// The time of making.
    pub now: Timestamp,
}

/// What to change of a project; `None` and `false` leave it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectChange {
    /// A new name.
    pub name: Option<String>,
    /// Archive it, for good.
    pub archive: bool,
}

/// A key to be made.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// The id it gets.
    pub id: ApiKeyId,
    /// The project that it opens.
    pub project_id: ProjectId,
    /// For people.
    pub name: String,
    /// A masked form of it.
    pub hint: String,
    /// The SHA-256 of the key.
    pub sha256: [u8; 32],
    /// The time of making.
    pub now: Timestamp,
}

/// A source to be made.
#[derive(Debug, Clone)]
pub struct NewSource {
    /// The id it gets.
    pub id: SourceId,
    /// Whose it is.
    pub project_id: ProjectId,
    /// For people.
    pub name: String,
    /// Who calls.
    pub kind: SourceKind,
    /// The unguessable part of its ingest URL.
    pub token: String,
    /// Its first secret, if it is known already.
    pub secret: Option<(SecretId, SigningSecret)>,
    /// The time of making.
    pub now: Timestamp,
}

/// What to change of a source; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceChange {
    /// A new name.
    pub name: Option<String>,
    /// Archive or activate.
    pub status: Option<SourceStatus>,
    /// What to do with authentic calls that come late.
    pub stale_policy: Option<StalePolicy>,
}

/// An endpoint to be made.
#[derive(Debug, Clone)]
pub struct NewEndpoint {
    /// The id it gets.
    pub id: EndpointId,
    /// Whose it is.
    pub project_id: ProjectId,
    /// For people.
    pub name: String,
    /// Where attempts go; judged by the guard on outbound connections beforehand.
    pub url: String,
    /// What it wants; not empty.
    pub event_types: Vec<EventPattern>,
    /// For people.
    pub description: Option<String>,
    /// Time-out of one attempt in seconds, 1 to 60.
    pub timeout_secs: u8,
    /// Sent with every attempt.
    pub headers: Vec<ExtraHeader>,
    /// Sent with every attempt.
    pub authentication: Option<Authentication>,
    /// Statuses after which a delivery is dead at once.
    pub no_retry_statuses: Vec<u16>,
    /// When, how fast and in what order it wants its deliveries.
    pub rules: DeliveryRules,
    /// Whether it begins paused.
    pub paused: bool,
    /// Its first secret.
    pub secret: (SecretId, EndpointKey),
    /// The time of making.
    pub now: Timestamp,
}

/// What to change of an endpoint; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointChange {
    /// A new name.
    pub name: Option<String>,
    /// A new description, or none any more.
    pub description: Option<Option<String>>,
    /// A new set of headers, in place of the whole old one.
    pub headers: Option<Vec<ExtraHeader>>,
    /// A new authentication, or none any more.
    pub authentication: Option<Option<Authentication>>,
    /// A new set of statuses, in place of the whole old one.
    pub no_retry_statuses: Option<Vec<u16>>,
    /// New rules.
    pub rules: RulesChange,
    /// A new URL.
    pub url: Option<String>,
    /// A new set, in place of the whole old one.
    pub event_types: Option<Vec<EventPattern>>,
    /// A new time-out in seconds, 1 to 60.
    pub timeout_secs: Option<u8>,
    /// Hold its deliveries, or let them go on.
    pub paused: Option<bool>,
    /// Disable it for this reason (`Some(Some(_))`), or enable it again (`Some(None)`).
    pub disabled: Option<Option<String>>,
}

/// What to change of an endpoint's rules; `None` leaves a rule as it is, `Some(None)` is none any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RulesChange {
    /// The delays between attempts.
    pub schedule: Option<Option<Schedule>>,
    /// How many attempts begin per second.
    pub max_per_sec: Option<Option<u32>>,
    /// How many attempts run at once.
    pub max_concurrency: Option<Option<u16>>,
    /// Which delivery waits for which; of those made from now on.
    pub ordering: Option<Ordering>,
    /// How long it waits at most, in seconds.
    pub ordering_wait_secs: Option<u32>,
    /// How old an event may be when it is attempted, in seconds; of those that come from now on.
    pub max_age_secs: Option<Option<u32>>,
}

impl RulesChange {
    /// The rules after the change.
    #[must_use]
    pub fn applied_to(&self, old: &DeliveryRules) -> DeliveryRules {
        DeliveryRules {
            schedule: self.schedule.clone().unwrap_or_else(|| old.schedule.clone()),
            max_per_sec: self.max_per_sec.unwrap_or(old.max_per_sec),
            max_concurrency: self.max_concurrency.unwrap_or(old.max_concurrency),
            ordering: self.ordering.unwrap_or(old.ordering),
            ordering_wait_secs: self.ordering_wait_secs.unwrap_or(old.ordering_wait_secs),
            max_age_secs: self.max_age_secs.unwrap_or(old.max_age_secs),
        }
    }
}

/// What to change of the age that events of a type may have when they are attempted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MaxAgeChange {
    /// Nothing.
    #[default]
    Keep,
    /// As the catalogue has it.
    Default,
    /// So many seconds; 0 is no limit.
    Secs(u32),
}

/// A new signing secret for an endpoint.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The secret that signs from now on.
    pub secret: (SecretId, EndpointKey),
    /// Until when the older ones go on signing beside it; `None` ends them at once. One that was to end
    /// earlier still does, and of more than [`MAX_LIVE_SECRETS`](ringback_domain::endpoint::MAX_LIVE_SECRETS)
    /// the oldest ends at once.
    pub older_until: Option<Timestamp>,
    /// The time of rotation.
    pub now: Timestamp,
}

/// What may go, in one bounded step of pruning.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Events (with their deliveries and attempts) taken before this may go, unless a delivery is pending. So
    /// may all receipts of that age.
    pub events_before: Timestamp,
    /// Entries of the dedupe table first seen before this may go.
    pub webhook_ids_before: Timestamp,
    /// Answers under an `Idempotency-Key` to requests made before this may go.
    pub idempotency_keys_before: Timestamp,
    /// At most so many of each in one step, so that a large sweep never holds up ingest.
    pub limit: usize,
}

impl Retention {
    /// The same by a clock that is so far behind the one that asked.
    #[must_use]
    pub(crate) fn earlier_by(self, ahead: std::time::Duration) -> Self {
        Self {
            events_before: self.events_before.minus(ahead),
            webhook_ids_before: self.webhook_ids_before.minus(ahead),
            idempotency_keys_before: self.idempotency_keys_before.minus(ahead),
            limit: self.limit,
        }
    }
}

/// Durable truth. `Ok` of a writing method means: committed and on disk.
#[async_trait]
pub trait Store: ReplayStore {
    /// The present configuration. Cheap: a pointer.
    fn config(&self) -> Arc<Config>;

    /// Makes this the one admin key; a former one is worth nothing from now on.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::InDoubt`], [`StoreError::Overloaded`],
    /// [`StoreError::Refused`], [`StoreError::Corrupt`] and [`StoreError::Closed`], as for every method
    /// below. What else one may fail with is said there.
    async fn set_admin_key(&self, sha256: [u8; 32]) -> Result<(), StoreError>;

    /// Makes this the admin key if there is none yet. Whether it is the one in force now: of several nodes
    /// that offer one each at the same time, one wins.
    async fn offer_admin_key(&self, sha256: [u8; 32]) -> Result<bool, StoreError>;

    /// Makes a project, and its source of kind `publish`. [`StoreError::NameTaken`] if there is one of this
    /// name.
    async fn create_project(&self, project: NewProject) -> Result<Project, StoreError>;

    /// Changes a project. [`StoreError::NotFound`] if there is none of this id, [`StoreError::NameTaken`] if
    /// another has the new name.
    async fn update_project(
        &self,
        id: ProjectId,
        change: ProjectChange,
        now: Timestamp,
    ) -> Result<Project, StoreError>;

    /// Makes a key of a project. [`StoreError::TooMany`] beyond
    /// [`MAX_API_KEYS`](crate::config::MAX_API_KEYS).
    async fn create_api_key(&self, key: NewApiKey) -> Result<Arc<ApiKey>, StoreError>;

    /// Notes that a key was shown at `now`.
    async fn note_api_key_use(
        &self,
        project_id: ProjectId,
        id: ApiKeyId,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Deletes a key, at once and for good. [`StoreError::NotFound`] if the project has none of this id.
    async fn delete_api_key(&self, project_id: ProjectId, id: ApiKeyId) -> Result<(), StoreError>;

    /// Makes a source. [`StoreError::TooMany`] beyond [`MAX_SOURCES`](crate::config::MAX_SOURCES).
    async fn create_source(&self, source: NewSource) -> Result<Arc<Source>, StoreError>;

    /// Changes a source. [`StoreError::NotFound`] if the project has none of this id, or it is the one of
    /// kind `publish`.
    async fn update_source(
        &self,
        project_id: ProjectId,
        id: SourceId,
        change: SourceChange,
        now: Timestamp,
    ) -> Result<Arc<Source>, StoreError>;

    /// Deletes a source with its secrets. Its events stay. [`StoreError::NotFound`] if the project has none
    /// of this id, or it is the one of kind `publish`.
    async fn delete_source(
        &self,
        project_id: ProjectId,
        id: SourceId,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Adds a secret to a source. [`StoreError::NotFound`] as for [`update_source`](Self::update_source),
    /// [`StoreError::TooMany`] beyond [`MAX_SOURCE_SECRETS`](ringback_domain::source::MAX_SOURCE_SECRETS).
    async fn add_source_secret(
        &self,
        project_id: ProjectId,
        id: SourceId,
        secret: (SecretId, SigningSecret),
        now: Timestamp,
    ) -> Result<Arc<Source>, StoreError>;

    /// Removes a secret from a source, at once and for good. [`StoreError::NotFound`] if the project has no
    /// such source, or that no such secret.
    async fn remove_source_secret(
        &self,
        project_id: ProjectId,
        id: SourceId,
        secret_id: SecretId,
        now: Timestamp,
    ) -> Result<Arc<Source>, StoreError>;

    /// A part of a project's sources. [`StoreError::NotFound`] if there is no such project.
    async fn list_sources(
        &self,
        project_id: ProjectId,
        page: PageRequest<SourceId>,
    ) -> Result<Page<Arc<Source>>, StoreError>;

    /// Makes an endpoint; events appended from now on are routed to it. [`StoreError::TooMany`] beyond
    /// [`MAX_ENDPOINTS`](crate::config::MAX_ENDPOINTS).
    async fn create_endpoint(&self, endpoint: NewEndpoint) -> Result<Arc<Endpoint>, StoreError>;

    /// Changes an endpoint. A change that changes nothing leaves `updated_at` where it is (OpenAI's API
    /// reference, webhook endpoints). [`StoreError::NotFound`] if the project has none of this id.
    async fn update_endpoint(
        &self,
        project_id: ProjectId,
        id: EndpointId,
        change: EndpointChange,
        now: Timestamp,
    ) -> Result<Arc<Endpoint>, StoreError>;

    /// Gives an endpoint a new signing secret. [`StoreError::NotFound`] if the project has none of this id.
    async fn rotate_endpoint_secret(
        &self,
        project_id: ProjectId,
        id: EndpointId,
        rotation: Rotation,
    ) -> Result<Arc<Endpoint>, StoreError>;

    /// Ends one of an endpoint's older secrets, at once and for good. [`StoreError::NotFound`] if the project
    /// has no such endpoint, or that no such secret; also for the newest, which only a rotation can end.
    async fn revoke_endpoint_secret(
        &self,
        project_id: ProjectId,
        id: EndpointId,
        secret_id: SecretId,
        now: Timestamp,
    ) -> Result<Arc<Endpoint>, StoreError>;

    /// Deletes an endpoint: its pending deliveries are cancelled, its history stays. An attempt that is under
    /// way is recorded when it ends, and changes nothing. [`StoreError::NotFound`] if the project has none of
    /// this id.
    async fn delete_endpoint(
        &self,
        project_id: ProjectId,
        id: EndpointId,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// A part of a project's endpoints. [`StoreError::NotFound`] if there is no such project.
    async fn list_endpoints(
        &self,
        project_id: ProjectId,
        page: PageRequest<EndpointId>,
    ) -> Result<Page<Arc<Endpoint>>, StoreError>;

    /// Makes a verified call durable: receipt, dedupe key, event and deliveries in one transaction. A
    /// repeated `webhook_id` makes no second event; its answer comes after the first one is durable.
    ///
    /// [`StoreError::Overloaded`] at once when too much is waiting: an ingest caller is to be told to come
    /// back.
    async fn append(&self, arrival: Arrival) -> Result<Appended, StoreError>;

    /// Appends several events in one transaction: all of them or none. [`StoreError::WebhookIdTaken`] if one
    /// repeats the `webhook_id` of another event, in the store or among them; a repetition of the same event
    /// is no error.
    ///
    /// [`StoreError::Overloaded`] as for [`append`](Self::append).
    async fn append_all(&self, arrivals: Vec<Arrival>) -> Result<Vec<Appended>, StoreError>;

    /// Keeps what is known of refused calls, and counts them: the lossy side lane of ingest. Calls to be held
    /// beyond [`MAX_HELD_CALLS`](crate::receipts::MAX_HELD_CALLS) of a source are counted only.
    async fn record_refusals(
        &self,
        refusals: Vec<Refusal>,
        counts: Vec<RefusalCount>,
    ) -> Result<(), StoreError>;

    /// A part of a project's receipts.
    async fn list_receipts(
        &self,
        project_id: ProjectId,
        filter: ReceiptFilter,
        page: PageRequest<ReceiptId>,
    ) -> Result<Page<Receipt>, StoreError>;

    /// A receipt, and the call itself while it is refused and kept. [`StoreError::NotFound`] if the project
    /// has none of this id.
    async fn receipt(&self, project_id: ProjectId, id: ReceiptId) -> Result<ReceiptDetail, StoreError>;

    /// The oldest calls that a source holds, beyond `after`.
    async fn held_calls(
        &self,
        source_id: SourceId,
        after: Option<ReceiptId>,
        limit: usize,
    ) -> Result<Vec<ReceiptDetail>, StoreError>;

    /// How many calls of a project were refused, by source and code.
    async fn refusal_counts(&self, project_id: ProjectId) -> Result<Vec<RefusalCount>, StoreError>;

    /// The endpoints with pending deliveries that are under no lease, and when the earliest of each is due.
    /// Costs one index seek per endpoint, however many deliveries each has.
    async fn due_endpoints(&self) -> Result<Vec<DueEndpoint>, StoreError>;

    /// Claims up to `limit` deliveries of an endpoint that are due at `now` and not expired, the urgent ones
    /// and then the earliest first, under leases until `lease_expires_at`.
    async fn claim(
        &self,
        endpoint_id: EndpointId,
        now: Timestamp,
        lease_expires_at: Timestamp,
        limit: usize,
    ) -> Result<Vec<Claimed>, StoreError>;

    /// Whether this node is the one to attempt deliveries of this endpoint, as far as it knows. Cheap. Always
    /// so of an endpoint that all nodes share; of one with a rate, a concurrency or an order only on the node
    /// that owns it. A [`claim`](Self::claim) may take the ownership where there is none, and claims nothing
    /// where another node has it.
    fn may_claim(&self, endpoint: &Endpoint) -> bool;

    /// Whether this node is fenced: as far as it knows, others may take it for dead by now, and what it holds
    /// for theirs; or its clock is so far off that what it attempts could not be recorded. Then it claims and
    /// begins nothing. Cheap. Never so where there are no others.
    fn is_fenced(&self) -> bool;

    /// Whether a lease that this node took `then`, by its monotonic clock, still holds as far as it knows: it
    /// is not fenced, and has not been since. Cheap. Always so where there are no others.
    fn holds_leases_since(&self, then: Instant) -> bool;

    /// Waits until another node tells of due work, and says of which endpoints; empty: look everywhere. Not
    /// all is told: who waits here looks for itself besides. Nothing is lost when this is dropped.
    async fn heard_due(&self) -> Vec<EndpointId> {
        std::future::pending().await
    }

    /// Records an attempt and its delivery's next state, in one transaction. Waits for room in the queue
    /// rather than refusing: an attempt that was made is not to be forgotten.
    async fn finish(&self, finish: Finish) -> Result<Finished, StoreError>;

    /// Gives claimed deliveries back unattempted. One whose lease has passed to another is left alone.
    async fn release(&self, deliveries: Vec<Unattempted>) -> Result<(), StoreError>;

    /// Ends up to `limit` pending deliveries that are too old by `now` and under no lease; says how many.
    async fn expire(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError>;

    /// Ends up to `limit` pending deliveries of events taken `before`, under no lease, with
    /// [`EndReason::Retention`](ringback_domain::EndReason::Retention); says how many. Zero: none is left for
    /// now. Cheap once [`prune`](Self::prune) has removed the finished events of that age: SQLite has to look
    /// through them.
    async fn give_up(&self, now: Timestamp, before: Timestamp, limit: usize) -> Result<usize, StoreError>;

    /// Frees deliveries whose lease has expired by `now`; says how many.
    async fn reclaim(&self, now: Timestamp) -> Result<usize, StoreError>;

    /// Cancels up to `limit` pending deliveries of an endpoint, if that is deleted; says how many. Deleting
    /// an endpoint cancels the first ones itself; a large rest is left to the deliverer.
    async fn cancel_orphans(
        &self,
        endpoint_id: EndpointId,
        now: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError>;

    /// A part of a project's deliveries.
    async fn list_deliveries(
        &self,
        project_id: ProjectId,
        filter: DeliveryFilter,
        page: PageRequest<DeliveryId>,
    ) -> Result<Page<DeliveryRecord>, StoreError>;

    /// A delivery with its attempts. [`StoreError::NotFound`] if the project has none of this id, or its
    /// event has been removed.
    async fn delivery(&self, project_id: ProjectId, id: DeliveryId) -> Result<DeliveryFound, StoreError>;

    /// Sends events again, as new deliveries with schedules of their own, all or none.
    /// [`StoreError::NotFound`] if the project has no such event or endpoint.
    async fn redeliver(
        &self,
        project_id: ProjectId,
        redeliveries: Vec<Redelivery>,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Calls a pending delivery off. An attempt that is under way is recorded when it ends, and changes
    /// nothing. [`StoreError::NotFound`] if the project has none of this id, [`StoreError::Ended`] if it is
    /// not pending.
    async fn cancel_delivery(
        &self,
        project_id: ProjectId,
        id: DeliveryId,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// A part of a project's events.
    async fn list_events(
        &self,
        project_id: ProjectId,
        filter: EventFilter,
        page: PageRequest<EventId>,
    ) -> Result<Page<EventRecord>, StoreError>;

    /// An event with its deliveries and their attempts. [`StoreError::NotFound`] if the project has none of
    /// this id.
    async fn event(&self, project_id: ProjectId, id: EventId) -> Result<EventDetail, StoreError>;

    /// The bytes of an event, as received. [`StoreError::NotFound`] if the project has none of this id.
    async fn payload(&self, project_id: ProjectId, id: EventId) -> Result<Bytes, StoreError>;

    /// Whether the project has an event of this type.
    async fn has_seen_type(&self, project_id: ProjectId, event_type: &str) -> Result<bool, StoreError>;

    /// The types of the events that a project has, in alphabetical order, at most `limit`. Costs one index
    /// seek per type.
    async fn seen_types(&self, project_id: ProjectId, limit: usize) -> Result<Vec<String>, StoreError>;

    /// Registers an event type, so that endpoints may name it, and sets how old its events may be when they
    /// are attempted; again is no error. [`StoreError::TooMany`] beyond
    /// [`MAX_EVENT_TYPES`](crate::config::MAX_EVENT_TYPES).
    async fn register_event_type(
        &self,
        project_id: ProjectId,
        name: String,
        max_age: MaxAgeChange,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Begins a request that may be repeated. Who is told [`Begun::New`] runs it.
    async fn begin_idempotent(&self, beginning: Beginning) -> Result<Begun, StoreError>;

    /// Keeps the answer to a request that was begun here.
    async fn complete_idempotent(&self, key: IdempotencyKey, answer: StoredAnswer) -> Result<(), StoreError>;

    /// Forgets a request that was begun here and did nothing, so that a repetition runs it.
    async fn forget_idempotent(&self, key: IdempotencyKey) -> Result<(), StoreError>;

    /// How much work waits in a project.
    async fn backlog(&self, project_id: ProjectId) -> Result<Backlog, StoreError>;

    /// Removes what retention allows to go, in one bounded step; says how many events, receipts and dedupe
    /// entries went. Zero: done.
    async fn prune(&self, retention: Retention) -> Result<usize, StoreError>;

    /// Whether the database takes writes right now: commits one. Takes as long as any write may; who cannot
    /// wait so long gives it up.
    async fn check(&self) -> Result<(), StoreError>;

    /// Commits what is waiting and closes the database. Everything after it is [`StoreError::Closed`].
    async fn close(&self);
}
