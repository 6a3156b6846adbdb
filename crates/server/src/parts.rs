//! What the composition root gives the server, and what every handler shares.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use ringback_delivery::Dispatcher;
use ringback_domain::{Clock, IdMaker, Timestamp, TypedId};
use ringback_egress::Policy;
use ringback_store::Store;

use crate::caller::KeyUses;
use crate::health::LastCheck;
use crate::idempotency::Underway;
use crate::ingest::{Room, Shares, SideLane};
use crate::settings::ServerSettings;

/// What the server is made of.
pub struct Parts {
    /// Where everything is.
    pub store: Arc<dyn Store>,
    /// Makes verified calls durable and sets their deliveries going.
    pub dispatcher: Dispatcher,
    /// Judges the URL of an endpoint when it is saved.
    pub egress_policy: Policy,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Makes the ids of sources, endpoints and secrets.
    pub ids: Arc<IdMaker>,
    /// Limits.
    pub settings: ServerSettings,
}

/// What every handler has.
pub(crate) struct App {
    pub(crate) parts: Parts,
    pub(crate) ingest_room: Room,
    pub(crate) ingest_shares: Shares,
    /// The same for what is published, so that nobody's publications keep calls out, nor another project's.
    pub(crate) publish_room: Room,
    pub(crate) publish_shares: Shares,
    pub(crate) idempotent: Underway,
    pub(crate) key_uses: KeyUses,
    pub(crate) side_lane: SideLane,
    pub(crate) last_check: LastCheck,
    /// Calls to ingest URLs that are no source's. Only counted: whose would their receipts be?
    pub(crate) unknown_sources: AtomicU64,
}

/// The state of the router.
pub(crate) type Shared = Arc<App>;

impl App {
    pub(crate) fn new(parts: Parts) -> Self {
        let ServerSettings { max_ingest_bytes, max_body_bytes, max_batch_bytes, .. } = parts.settings;
        let ServerSettings { max_ingest_calls_per_source, max_ingest_bytes_per_source, .. } = parts.settings;
        Self {
            ingest_shares: Shares::new(max_ingest_calls_per_source, max_ingest_bytes_per_source),
            ingest_room: Room::new(max_ingest_bytes.max(max_body_bytes)),
            publish_shares: Shares::new(max_ingest_calls_per_source, max_ingest_bytes_per_source),
            publish_room: Room::new(max_ingest_bytes.max(max_batch_bytes)),
            idempotent: Underway::default(),
            key_uses: KeyUses::default(),
            unknown_sources: AtomicU64::new(0),
            last_check: LastCheck::default(),
            side_lane: SideLane::new(Arc::clone(&parts.store)),
            parts,
        }
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.parts.store
    }

    pub(crate) fn settings(&self) -> &ServerSettings {
        &self.parts.settings
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// A new id, made at `now`.
    pub(crate) fn new_id<I: TypedId>(&self, now: Timestamp) -> I {
        self.parts.ids.next(now)
    }
}
