//! Why a pending delivery does not go out when it is due.

use std::sync::Arc;

use ringback_delivery::{BreakerState, BreakerView};
use ringback_domain::{Delivery, DeliveryState, Endpoint, Timestamp};
use ringback_store::Config;

use crate::parts::App;

/// What keeps deliveries back, as things stand at one moment.
pub(crate) struct Holds<'a> {
    app: &'a App,
    config: Arc<Config>,
    now: Timestamp,
}

impl<'a> Holds<'a> {
    pub(crate) fn now(app: &'a App) -> Self {
        Self { app, config: app.store().config(), now: app.now() }
    }

    /// The first of these that keeps it back, in the order in which a person would have to deal with them.
    /// None for what is under way or has ended, and for what waits for nothing but its time.
    pub(super) fn of(&self, delivery: &Delivery) -> Option<&'static str> {
        if delivery.state != DeliveryState::Pending || delivery.in_flight {
            return None;
        }
        let endpoint = self.config.endpoint(delivery.endpoint_id)?;
        by_endpoint(endpoint).or_else(|| {
            let breaker = self.app.parts.dispatcher.breaker(endpoint.id);
            by_order(delivery, self.now).or_else(|| by_breaker(delivery.due_at?, &breaker, self.now))
        })
    }
}

fn by_endpoint(endpoint: &Endpoint) -> Option<&'static str> {
    if endpoint.disabled_at.is_some() {
        return Some("endpoint_disabled");
    }
    endpoint.paused_at.map(|_| "endpoint_paused")
}

/// What has no time waits for the one before it, and so does what has never been attempted and has a later
/// one: that is how long it waits at most.
fn by_order(delivery: &Delivery, now: Timestamp) -> Option<&'static str> {
    let waits = match delivery.due_at {
        None => true,
        Some(due_at) => delivery.attempt_count == 0 && now < due_at,
    };
    waits.then_some("order")
}

/// An open breaker puts off what is due before it lets an attempt through.
fn by_breaker(due_at: Timestamp, breaker: &BreakerView, now: Timestamp) -> Option<&'static str> {
    let is_shut = matches!(breaker.state, BreakerState::Open | BreakerState::Probing);
    let opens_at = breaker.probe_at.map_or(now, |probe_at| probe_at.max(now));
    (is_shut && due_at <= opens_at).then_some("breaker")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breaker_holds_what_is_due_before_it_opens_and_nothing_later() {
        use BreakerState::{Closed, Open, Probing, Ramping};
        let at = Timestamp::from_unix_secs;
        for (state, probe_at, due_at, expected) in [
            (Closed, None, 90, None),
            (Open, Some(160), 90, Some("breaker")),
            (Open, Some(160), 130, Some("breaker")),
            (Open, Some(160), 161, None),
            (Probing, None, 90, Some("breaker")),
            (Probing, None, 101, None),
            (Ramping, None, 90, None),
        ] {
            let breaker = BreakerView { state, probe_at: probe_at.map(at) };
            let held_by = by_breaker(at(due_at), &breaker, at(100));
            assert_eq!(held_by, expected, "{state:?} {probe_at:?} {due_at:?}");
        }
    }
}
