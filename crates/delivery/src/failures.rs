//! What this node has seen of endpoints' failures and not said: not every one is worth a change of the
//! configuration.
//!
//! Forgotten by a restart, and when an endpoint has another URL or was enabled again, as what is written down
//! is.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringback_domain::endpoint_health::{HealthChange, Unsaid};
use ringback_domain::retry::Ending;
use ringback_domain::{Endpoint, EndpointId, Timestamp};

/// Of all endpoints that have failed here.
#[derive(Default)]
pub(crate) struct Failures(Mutex<HashMap<EndpointId, Seen>>);

/// Of one.
struct Seen {
    unsaid: Unsaid,
    url: String,
    resumed_at: Option<Timestamp>,
}

impl Seen {
    fn new(endpoint: &Endpoint) -> Self {
        let Endpoint { url, resumed_at, .. } = endpoint;
        Self { unsaid: Unsaid::default(), url: url.clone(), resumed_at: *resumed_at }
    }

    fn is_about(&self, endpoint: &Endpoint) -> bool {
        self.url == endpoint.url && self.resumed_at == endpoint.resumed_at
    }
}

impl Failures {
    /// What an attempt changes about its endpoint, as that was when the attempt began.
    pub(crate) fn after(
        &self,
        endpoint: &Endpoint,
        ending: Ending,
        now: Timestamp,
        disable_after: Option<Duration>,
    ) -> Option<HealthChange> {
        let mut seen = self.lock();
        let mut nothing = Unsaid::default();
        let change = match seen.get_mut(&endpoint.id).filter(|seen| seen.is_about(endpoint)) {
            Some(seen) => endpoint.health.after(&mut seen.unsaid, ending, now, disable_after),
            None => endpoint.health.after(&mut nothing, ending, now, disable_after),
        };
        if nothing != Unsaid::default() {
            seen.insert(endpoint.id, Seen { unsaid: nothing, ..Seen::new(endpoint) });
        }
        change
    }

    /// Forgets the endpoints that are no more.
    pub(crate) fn retain(&self, is_there: impl Fn(EndpointId) -> bool) {
        self.lock().retain(|id, _| is_there(*id));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<EndpointId, Seen>> {
        // Every change under the lock is whole before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
