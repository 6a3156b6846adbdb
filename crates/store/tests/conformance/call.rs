//! A verified call, or what is published, built with defaults for all that a case does not care about.

use std::time::Duration;

use aws_lc_rs::digest;
use bytes::Bytes;
use ringback_domain::{EndpointId, SourceId, Timestamp};
use ringback_store::{Appended, Arrival, NewEvent, NewReceipt, Plan, PlannedDelivery, StoreError};

use super::{World, at};

/// A call to a source of a world's default project.
pub(crate) struct Call<'w> {
    world: &'w World,
    source_id: SourceId,
    webhook_id: String,
    received_at: Timestamp,
    event_type: String,
    upstream_event_id: Option<String>,
    object_id: Option<String>,
    body: Bytes,
    endpoints: Option<Vec<EndpointId>>,
    test_of: Option<EndpointId>,
    max_age: Option<Duration>,
    lease_expires_at: Option<Timestamp>,
}

impl World {
    /// A call with this `webhook-id`: a completed batch at the beginning, planned by the present
    /// configuration, born due.
    pub(crate) fn call(&self, source_id: SourceId, webhook_id: &str) -> Call<'_> {
        Call {
            world: self,
            source_id,
            webhook_id: webhook_id.to_owned(),
            received_at: at(0),
            event_type: "batch.completed".to_owned(),
            upstream_event_id: None,
            object_id: None,
            body: Bytes::from_static(b"{}"),
            endpoints: None,
            test_of: None,
            max_age: None,
            lease_expires_at: None,
        }
    }

    /// What is published in the project under this `webhook-id`; for the rest like a call.
    pub(crate) fn publication(&self, webhook_id: &str) -> Call<'_> {
        self.call(self.publish_source(), webhook_id)
    }
}

impl Call<'_> {
    /// Received then.
    pub(crate) fn at(self, received_at: Timestamp) -> Self {
        Self { received_at, ..self }
    }

    /// Of this type.
    pub(crate) fn event_type(self, event_type: &str) -> Self {
        Self { event_type: event_type.to_owned(), ..self }
    }

    /// With this `id` in its body.
    pub(crate) fn upstream(self, id: &str) -> Self {
        Self { upstream_event_id: Some(id.to_owned()), ..self }
    }

    /// About this object.
    pub(crate) fn object(self, id: &str) -> Self {
        Self { object_id: Some(id.to_owned()), ..self }
    }

    /// With these bytes.
    pub(crate) fn body(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// Planned for exactly these endpoints.
    pub(crate) fn to(self, endpoints: &[EndpointId]) -> Self {
        Self { endpoints: Some(endpoints.to_vec()), ..self }
    }

    /// As a test of this endpoint.
    pub(crate) fn test_of(self, endpoint: EndpointId) -> Self {
        Self { test_of: Some(endpoint), ..self }
    }

    /// Of a type whose events may be so many seconds old, whatever the configuration says.
    pub(crate) fn ageing(self, secs: u64) -> Self {
        Self { max_age: Some(Duration::from_secs(secs)), ..self }
    }

    /// With all its deliveries born leased until then.
    pub(crate) fn leased_until(self, expires_at: Timestamp) -> Self {
        Self { lease_expires_at: Some(expires_at), ..self }
    }

    /// The arrival, with ids made and the plan drawn up now. What is published has no receipt.
    pub(crate) fn arrival(self) -> Arrival {
        let (plan, max_age) = (self.plan(), self.max_age());
        let published = self.source_id == self.world.publish_source();
        let sha256 = digest::digest(&digest::SHA256, &self.body);
        Arrival {
            project_id: self.world.project,
            source_id: self.source_id,
            receipt: (!published).then(|| NewReceipt {
                id: self.world.id_at(self.received_at),
                admitted: false,
                secret_id: self.world.id(),
            }),
            received_at: self.received_at,
            event: NewEvent {
                id: self.world.id_at(self.received_at),
                event_type: self.event_type,
                webhook_id: self.webhook_id,
                upstream_event_id: self.upstream_event_id,
                object_id: self.object_id,
                max_age,
                payload: self.body,
                payload_sha256: sha256.as_ref().try_into().expect("SHA-256 has 32 bytes"),
            },
            plan,
        }
    }

    /// Appends it.
    pub(crate) async fn append(self) -> Appended {
        self.try_append().await.unwrap()
    }

    /// Appends it, or says why not.
    pub(crate) async fn try_append(self) -> Result<Appended, StoreError> {
        let store = &self.world.store;
        store.append(self.arrival()).await
    }

    fn max_age(&self) -> Option<Duration> {
        let config = self.world.store.config();
        let project = config.project(self.world.project).expect("it always exists");
        self.max_age.or_else(|| project.max_age(&self.event_type))
    }

    fn plan(&self) -> Plan {
        let config = self.world.store.config();
        let project = config.project(self.world.project).expect("it always exists");
        if let Some(endpoint_id) = self.test_of {
            // A person waits for it: it takes no part in an order, and its age does not matter.
            return Plan::Test(PlannedDelivery {
                id: self.world.id_at(self.received_at),
                endpoint_id,
                lease_expires_at: self.lease_expires_at,
                expires_at: None,
                ordering_wait: None,
            });
        }
        let routed = || project.route(&self.event_type).map(|endpoint| endpoint.id).collect();
        let endpoints: Vec<EndpointId> = self.endpoints.clone().unwrap_or_else(routed);
        let planned = |endpoint_id| {
            let id = self.world.id_at(self.received_at);
            let rules =
                config.endpoint(endpoint_id).map(|endpoint| endpoint.rules.clone()).unwrap_or_default();
            let born_due = PlannedDelivery::new(id, endpoint_id, &rules, self.received_at, self.max_age());
            PlannedDelivery { lease_expires_at: self.lease_expires_at, ..born_due }
        };
        Plan::Route {
            generation: project.generation,
            deliveries: endpoints.into_iter().map(planned).collect(),
        }
    }
}
