//! A store that fails when it is told to.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use ringback_domain::{
    ApiKey, ApiKeyId, DeliveryId, Endpoint, EndpointId, EventId, EventRecord, Project, ProjectId, Receipt,
    ReceiptId, Replay, ReplayId, ReplayQuery, SecretId, Source, SourceId, Timestamp,
};
use ringback_store::{
    Advanced, Appended, Arrival, Backlog, Beginning, Begun, Claimed, Config, DeliveryFilter, DeliveryFound,
    DeliveryRecord, DueEndpoint, EndpointChange, EventDetail, EventFilter, Finish, Finished, IdempotencyKey,
    MaxAgeChange, NewApiKey, NewEndpoint, NewProject, NewReplay, NewSource, Page, PageRequest, ProjectChange,
    ReceiptDetail, ReceiptFilter, Redelivery, Refusal, RefusalCount, ReplayDetail, ReplayPreview,
    ReplayStore, Retention, Rotation, SourceChange, Store, StoreError, StoredAnswer, Unattempted,
};
use ringback_webhook::SigningSecret;

use crate::faults::{Faults, Op};

/// A real store behind a switch. What is refused has not happened, and what is let through is the real
/// store's; only of what is to have its answer lost nobody knows.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    faults: Faults,
}

impl FaultyStore {
    /// This store behind this switch.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, faults: Faults) -> Self {
        Self { inner, faults }
    }
}

#[async_trait]
impl Store for FaultyStore {
    fn config(&self) -> Arc<Config> {
        self.inner.config()
    }

    async fn set_admin_key(&self, sha256: [u8; 32]) -> Result<(), StoreError> {
        self.faults.around(Op::Configure, self.inner.set_admin_key(sha256)).await
    }

    async fn offer_admin_key(&self, sha256: [u8; 32]) -> Result<bool, StoreError> {
        self.faults.around(Op::Configure, self.inner.offer_admin_key(sha256)).await
    }

    async fn create_project(&self, project: NewProject) -> Result<Project, StoreError> {
        self.faults.around(Op::Configure, self.inner.create_project(project)).await
    }

    async fn update_project(
        &self,
        id: ProjectId,
        change: ProjectChange,
        now: Timestamp,
    ) -> Result<Project, StoreError> {
        self.faults.around(Op::Configure, self.inner.update_project(id, change, now)).await
    }

    async fn create_api_key(&self, key: NewApiKey) -> Result<Arc<ApiKey>, StoreError> {
        self.faults.around(Op::Configure, self.inner.create_api_key(key)).await
    }

    async fn note_api_key_use(
        &self,
        project_id: ProjectId,
        id: ApiKeyId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.faults.around(Op::Configure, self.inner.note_api_key_use(project_id, id, now)).await
    }

    async fn delete_api_key(&self, project_id: ProjectId, id: ApiKeyId) -> Result<(), StoreError> {
        self.faults.around(Op::Configure, self.inner.delete_api_key(project_id, id)).await
    }

    async fn create_source(&self, source: NewSource) -> Result<Arc<Source>, StoreError> {
        self.faults.around(Op::Configure, self.inner.create_source(source)).await
    }

    async fn update_source(
        &self,
        project_id: ProjectId,
        id: SourceId,
        change: SourceChange,
        now: Timestamp,
    ) -> Result<Arc<Source>, StoreError> {
        self.faults.around(Op::Configure, self.inner.update_source(project_id, id, change, now)).await
    }

    async fn delete_source(
        &self,
        project_id: ProjectId,
        id: SourceId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.faults.around(Op::Configure, self.inner.delete_source(project_id, id, now)).await
    }

    async fn add_source_secret(
        &self,
        project_id: ProjectId,
        id: SourceId,
        secret: (SecretId, SigningSecret),
        now: Timestamp,
    ) -> Result<Arc<Source>, StoreError> {
        self.faults.around(Op::Configure, self.inner.add_source_secret(project_id, id, secret, now)).await
    }

    async fn remove_source_secret(
        &self,
        project_id: ProjectId,
        id: SourceId,
        secret_id: SecretId,
        now: Timestamp,
    ) -> Result<Arc<Source>, StoreError> {
        self.faults
            .around(Op::Configure, self.inner.remove_source_secret(project_id, id, secret_id, now))
            .await
    }

    async fn list_sources(
        &self,
        project_id: ProjectId,
        page: PageRequest<SourceId>,
    ) -> Result<Page<Arc<Source>>, StoreError> {
        self.faults.around(Op::Read, self.inner.list_sources(project_id, page)).await
    }

    async fn create_endpoint(&self, endpoint: NewEndpoint) -> Result<Arc<Endpoint>, StoreError> {
        self.faults.around(Op::Configure, self.inner.create_endpoint(endpoint)).await
    }

    async fn update_endpoint(
        &self,
        project_id: ProjectId,
        id: EndpointId,
        change: EndpointChange,
        now: Timestamp,
    ) -> Result<Arc<Endpoint>, StoreError> {
        self.faults.around(Op::Configure, self.inner.update_endpoint(project_id, id, change, now)).await
    }

    async fn rotate_endpoint_secret(
        &self,
        project_id: ProjectId,
        id: EndpointId,
        rotation: Rotation,
    ) -> Result<Arc<Endpoint>, StoreError> {
        self.faults.around(Op::Configure, self.inner.rotate_endpoint_secret(project_id, id, rotation)).await
    }

    async fn revoke_endpoint_secret(
        &self,
        project_id: ProjectId,
        id: EndpointId,
        secret_id: SecretId,
        now: Timestamp,
    ) -> Result<Arc<Endpoint>, StoreError> {
        self.faults
            .around(Op::Configure, self.inner.revoke_endpoint_secret(project_id, id, secret_id, now))
            .await
    }

    async fn delete_endpoint(
        &self,
        project_id: ProjectId,
        id: EndpointId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.faults.around(Op::Configure, self.inner.delete_endpoint(project_id, id, now)).await
    }

    async fn list_endpoints(
        &self,
        project_id: ProjectId,
        page: PageRequest<EndpointId>,
    ) -> Result<Page<Arc<Endpoint>>, StoreError> {
        self.faults.around(Op::Read, self.inner.list_endpoints(project_id, page)).await
    }

    async fn append(&self, arrival: Arrival) -> Result<Appended, StoreError> {
        self.faults.around(Op::Append, self.inner.append(arrival)).await
    }

    async fn append_all(&self, arrivals: Vec<Arrival>) -> Result<Vec<Appended>, StoreError> {
        self.faults.around(Op::Append, self.inner.append_all(arrivals)).await
    }

    async fn record_refusals(
        &self,
        refusals: Vec<Refusal>,
        counts: Vec<RefusalCount>,
    ) -> Result<(), StoreError> {
        self.faults.around(Op::RecordRefusals, self.inner.record_refusals(refusals, counts)).await
    }

    async fn list_receipts(
        &self,
        project_id: ProjectId,
        filter: ReceiptFilter,
        page: PageRequest<ReceiptId>,
    ) -> Result<Page<Receipt>, StoreError> {
        self.faults.around(Op::Read, self.inner.list_receipts(project_id, filter, page)).await
    }

    async fn receipt(&self, project_id: ProjectId, id: ReceiptId) -> Result<ReceiptDetail, StoreError> {
        self.faults.around(Op::Read, self.inner.receipt(project_id, id)).await
    }

    async fn held_calls(
        &self,
        source_id: SourceId,
        after: Option<ReceiptId>,
        limit: usize,
    ) -> Result<Vec<ReceiptDetail>, StoreError> {
        self.faults.around(Op::Read, self.inner.held_calls(source_id, after, limit)).await
    }

    async fn refusal_counts(&self, project_id: ProjectId) -> Result<Vec<RefusalCount>, StoreError> {
        self.faults.around(Op::Read, self.inner.refusal_counts(project_id)).await
    }

    async fn due_endpoints(&self) -> Result<Vec<DueEndpoint>, StoreError> {
        self.faults.around(Op::DueEndpoints, self.inner.due_endpoints()).await
    }

    async fn claim(
        &self,
        endpoint_id: EndpointId,
        now: Timestamp,
        lease_expires_at: Timestamp,
        limit: usize,
    ) -> Result<Vec<Claimed>, StoreError> {
        self.faults.around(Op::Claim, self.inner.claim(endpoint_id, now, lease_expires_at, limit)).await
    }

    fn may_claim(&self, endpoint: &Endpoint) -> bool {
        self.inner.may_claim(endpoint)
    }

    fn is_fenced(&self) -> bool {
        self.inner.is_fenced()
    }

    fn holds_leases_since(&self, then: Instant) -> bool {
        self.inner.holds_leases_since(then)
    }

    async fn heard_due(&self) -> Vec<EndpointId> {
        self.inner.heard_due().await
    }

    async fn finish(&self, finish: Finish) -> Result<Finished, StoreError> {
        self.faults.around(Op::Finish, self.inner.finish(finish)).await
    }

    async fn release(&self, deliveries: Vec<Unattempted>) -> Result<(), StoreError> {
        self.faults.around(Op::Release, self.inner.release(deliveries)).await
    }

    async fn reclaim(&self, now: Timestamp) -> Result<usize, StoreError> {
        self.faults.around(Op::Reclaim, self.inner.reclaim(now)).await
    }

    async fn cancel_orphans(
        &self,
        endpoint_id: EndpointId,
        now: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.faults.around(Op::CancelOrphans, self.inner.cancel_orphans(endpoint_id, now, limit)).await
    }

    async fn expire(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.faults.around(Op::Expire, self.inner.expire(now, limit)).await
    }

    async fn give_up(&self, now: Timestamp, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.faults.around(Op::GiveUp, self.inner.give_up(now, before, limit)).await
    }

    async fn list_deliveries(
        &self,
        project_id: ProjectId,
        filter: DeliveryFilter,
        page: PageRequest<DeliveryId>,
    ) -> Result<Page<DeliveryRecord>, StoreError> {
        self.inner.list_deliveries(project_id, filter, page).await
    }

    async fn delivery(&self, project_id: ProjectId, id: DeliveryId) -> Result<DeliveryFound, StoreError> {
        self.inner.delivery(project_id, id).await
    }

    async fn redeliver(
        &self,
        project_id: ProjectId,
        redeliveries: Vec<Redelivery>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.faults.around(Op::Redeliver, self.inner.redeliver(project_id, redeliveries, now)).await
    }

    async fn cancel_delivery(
        &self,
        project_id: ProjectId,
        id: DeliveryId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.faults.around(Op::Redeliver, self.inner.cancel_delivery(project_id, id, now)).await
    }

    async fn list_events(
        &self,
        project_id: ProjectId,
        filter: EventFilter,
        page: PageRequest<EventId>,
    ) -> Result<Page<EventRecord>, StoreError> {
        self.faults.around(Op::Read, self.inner.list_events(project_id, filter, page)).await
    }

    async fn event(&self, project_id: ProjectId, id: EventId) -> Result<EventDetail, StoreError> {
        self.faults.around(Op::Read, self.inner.event(project_id, id)).await
    }

    async fn payload(&self, project_id: ProjectId, id: EventId) -> Result<Bytes, StoreError> {
        self.faults.around(Op::Read, self.inner.payload(project_id, id)).await
    }

    async fn has_seen_type(&self, project_id: ProjectId, event_type: &str) -> Result<bool, StoreError> {
        self.faults.around(Op::Read, self.inner.has_seen_type(project_id, event_type)).await
    }

    async fn seen_types(&self, project_id: ProjectId, limit: usize) -> Result<Vec<String>, StoreError> {
        self.faults.around(Op::Read, self.inner.seen_types(project_id, limit)).await
    }

    async fn register_event_type(
        &self,
        project_id: ProjectId,
        name: String,
        max_age: MaxAgeChange,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.faults
            .around(Op::Configure, self.inner.register_event_type(project_id, name, max_age, now))
            .await
    }

    async fn begin_idempotent(&self, beginning: Beginning) -> Result<Begun, StoreError> {
        self.faults.around(Op::Idempotency, self.inner.begin_idempotent(beginning)).await
    }

    async fn complete_idempotent(&self, key: IdempotencyKey, answer: StoredAnswer) -> Result<(), StoreError> {
        self.faults.around(Op::Idempotency, self.inner.complete_idempotent(key, answer)).await
    }

    async fn forget_idempotent(&self, key: IdempotencyKey) -> Result<(), StoreError> {
        self.faults.around(Op::Idempotency, self.inner.forget_idempotent(key)).await
    }

    async fn backlog(&self, project_id: ProjectId) -> Result<Backlog, StoreError> {
        self.faults.around(Op::Read, self.inner.backlog(project_id)).await
    }

    async fn prune(&self, retention: Retention) -> Result<usize, StoreError> {
        self.faults.around(Op::Prune, self.inner.prune(retention)).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.faults.around(Op::Check, self.inner.check()).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

#[async_trait]
impl ReplayStore for FaultyStore {
    async fn preview_replay(
        &self,
        project_id: ProjectId,
        query: ReplayQuery,
        to_target: bool,
    ) -> Result<ReplayPreview, StoreError> {
        self.inner.preview_replay(project_id, query, to_target).await
    }

    async fn create_replay(&self, replay: NewReplay) -> Result<Replay, StoreError> {
        self.faults.around(Op::Replay, self.inner.create_replay(replay)).await
    }

    async fn list_replays(
        &self,
        project_id: ProjectId,
        page: PageRequest<ReplayId>,
    ) -> Result<Page<Replay>, StoreError> {
        self.inner.list_replays(project_id, page).await
    }

    async fn replay(&self, project_id: ProjectId, id: ReplayId) -> Result<ReplayDetail, StoreError> {
        self.inner.replay(project_id, id).await
    }

    async fn cancel_replay(
        &self,
        project_id: ProjectId,
        id: ReplayId,
        now: Timestamp,
    ) -> Result<Replay, StoreError> {
        self.faults.around(Op::Replay, self.inner.cancel_replay(project_id, id, now)).await
    }

    async fn replays_at_work(&self) -> Result<Vec<Replay>, StoreError> {
        self.faults.around(Op::Replay, self.inner.replays_at_work()).await
    }

    async fn advance_replay(
        &self,
        id: ReplayId,
        limit: usize,
        now: Timestamp,
    ) -> Result<Advanced, StoreError> {
        self.faults.around(Op::Replay, self.inner.advance_replay(id, limit, now)).await
    }

    async fn clear_replay(&self, id: ReplayId, limit: usize, now: Timestamp) -> Result<bool, StoreError> {
        self.faults.around(Op::Replay, self.inner.clear_replay(id, limit, now)).await
    }
}
