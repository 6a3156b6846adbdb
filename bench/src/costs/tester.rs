//! A store that is open on a database with a history, and the calls that are made there.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use ringback_domain::{DeliveryRules, EndpointId, EventId, IdMaker, Timestamp};
use ringback_store::{
    Arrival, EventFilter, NewEvent, NewReceipt, PageRequest, Plan, PlannedDelivery, Store, Unattempted,
};

use super::Operation;
use super::known::{Known, Place, Tenant};
use crate::clock;
use crate::database::Database;
use crate::failure::Failure;

/// Deliveries of one claim.
const CLAIMED: usize = 4;
/// How long the leases of what is claimed last: longer than any run.
const LEASE: Duration = Duration::from_secs(3600);

/// An open store.
pub(super) struct Tester {
    store: Arc<dyn Store>,
    ids: Arc<IdMaker>,
    known: Known,
    /// What the `webhook-id`s of this one are drawn from.
    salt: EventId,
    appended: AtomicU32,
    claimed: Mutex<Vec<Unattempted>>,
}

impl Tester {
    /// Opens the database.
    pub(super) async fn open(database: &Database, known: Known) -> Result<Self, Failure> {
        let ids = Arc::new(IdMaker::new(clock::unix_ms().unsigned_abs()));
        let store = database.open(&ids).await?;
        let salt = ids.next(Timestamp::from_unix_ms(clock::unix_ms()));
        Ok(Self { store, ids, known, salt, appended: AtomicU32::new(0), claimed: Mutex::default() })
    }

    /// Gives back what was claimed, and closes.
    pub(super) async fn close(self) -> Result<(), Failure> {
        let claimed = self.claimed.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !claimed.is_empty() {
            self.store.release(claimed).await?;
        }
        self.store.close().await;
        Ok(())
    }

    /// Closes, and leaves leased what was claimed.
    pub(super) async fn abandon(self) {
        self.store.close().await;
    }

    /// Has the connection that an operation goes over know the schema, and touches nothing of what grows.
    pub(super) async fn introduce(&self, operation: Operation) -> Result<(), Failure> {
        match operation.writes() {
            true => self.store.check().await?,
            false => drop(self.store.refusal_counts(self.known.at(0).1.project).await?),
        }
        Ok(())
    }

    /// One call; the same number is the same call again, or for an append one whose entries of the indexes
    /// are next to those of the former.
    pub(super) async fn call(&self, operation: Operation, number: usize) -> Result<(), Failure> {
        let (place, tenant) = self.known.at(number);
        let (after, object_id) = match operation {
            Operation::Append => return self.append(tenant, place, number).await,
            Operation::Claim => return self.claim(tenant.endpoint).await,
            Operation::FirstPage => (None, None),
            Operation::MiddlePage => (Some(place.event), None),
            Operation::ByObject => (None, Some(place.object.clone())),
        };
        let filter = EventFilter { event_type: None, object_id };
        let page = PageRequest { after, ..PageRequest::default() };
        let found = self.store.list_events(tenant.project, filter, page).await?;
        if found.items.is_empty() { Err(Failure::NotSeeded) } else { Ok(()) }
    }

    async fn append(&self, tenant: Tenant, place: &Place, number: usize) -> Result<(), Failure> {
        let now = Timestamp::from_unix_ms(clock::unix_ms());
        let id: EventId = self.ids.next(now);
        let payload = vec![b'.'; 300];
        let sha256 = digest(&SHA256, &payload);
        let rules = DeliveryRules::default();
        let delivery = PlannedDelivery::new(self.ids.next(now), tenant.endpoint, &rules, now, None);
        let arrival = Arrival {
            project_id: tenant.project,
            source_id: tenant.source,
            receipt: Some(NewReceipt { id: self.ids.next(now), admitted: false, secret_id: tenant.secret }),
            received_at: now,
            event: NewEvent {
                event_type: "seeded.kind_00".to_owned(),
                webhook_id: self.webhook_id(number),
                upstream_event_id: Some(format!("evt_{id}")),
                object_id: Some(place.object.clone()),
                max_age: None,
                payload_sha256: sha256.as_ref().try_into().expect("SHA-256 has 32 bytes"),
                payload: payload.into(),
                id,
            },
            plan: Plan::Route { generation: tenant.generation, deliveries: vec![delivery] },
        };
        self.store.append(arrival).await?;
        Ok(())
    }

    async fn claim(&self, endpoint: EndpointId) -> Result<(), Failure> {
        let now = Timestamp::from_unix_ms(clock::unix_ms());
        let claimed = self.store.claim(endpoint, now, now.plus(LEASE), CLAIMED).await?;
        if claimed.len() < CLAIMED {
            return Err(Failure::NotSeeded);
        }
        let given_back = claimed.iter().map(|claimed| Unattempted {
            project_id: claimed.project_id,
            delivery_id: claimed.delivery_id,
            lease_token: claimed.lease.token,
        });
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner).extend(given_back);
        Ok(())
    }

    /// A new `webhook-id`: anywhere in the index, as senders draw them, but next to the others of the same
    /// number.
    fn webhook_id(&self, number: usize) -> String {
        let hash = digest(&SHA256, format!("{} {number}", self.salt).as_bytes());
        let place: String = hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("wh_{place}{:08x}", self.appended.fetch_add(1, Ordering::Relaxed))
    }
}
