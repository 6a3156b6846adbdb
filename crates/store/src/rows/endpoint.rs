//! The texts of an endpoint's columns, and what a change makes of an endpoint.

use ringback_domain::retry::Schedule;
use ringback_domain::{DeliveryRules, Endpoint, EventPattern, Timestamp};

use super::Unreadable;
use crate::store::EndpointChange;

/// How many pending deliveries the deletion of an endpoint cancels itself; the deliverer cancels the rest
/// step by step, so that a long queue never holds up ingest.
pub(crate) const CANCELLED_AT_ONCE: usize = 1000;

/// The endpoint with a change applied. Pausing what is paused, or disabling what is disabled, keeps since
/// when it is.
pub(crate) fn changed_by(old: &Endpoint, change: &EndpointChange, now: Timestamp) -> Endpoint {
    let mut new = old.clone();
    if let Some(name) = &change.name {
        new.name.clone_from(name);
    }
    if let Some(url) = &change.url {
        new.url.clone_from(url);
    }
    if let Some(event_types) = &change.event_types {
        new.event_types.clone_from(event_types);
    }
    if let Some(description) = &change.description {
        new.description.clone_from(description);
    }
    if let Some(headers) = &change.headers {
        new.headers.clone_from(headers);
    }
    if let Some(authentication) = &change.authentication {
        new.authentication.clone_from(authentication);
    }
    if let Some(statuses) = &change.no_retry_statuses {
        new.no_retry_statuses.clone_from(statuses);
    }
    new.rules = change.rules.applied_to(&old.rules);
    new.timeout_secs = change.timeout_secs.unwrap_or(old.timeout_secs);
    if let Some(paused) = change.paused {
        new.paused_at = paused.then(|| old.paused_at.unwrap_or(now));
    }
    if let Some(reason) = &change.disabled {
        new.disabled_at = reason.as_ref().map(|_| old.disabled_at.unwrap_or(now));
        new.disabled_reason.clone_from(reason);
    }
    if !old.may_attempt() && new.may_attempt() {
        new.resumed_at = Some(now);
    }
    new
}

/// Whether nothing was changed that a person sets.
pub(crate) fn same_settings(a: &Endpoint, b: &Endpoint) -> bool {
    a.name == b.name
        && a.url == b.url
        && a.event_types == b.event_types
        && a.description == b.description
        && a.timeout_secs == b.timeout_secs
        && a.headers == b.headers
        && a.authentication == b.authentication
        && a.no_retry_statuses == b.no_retry_statuses
        && a.rules == b.rules
        && a.paused_at == b.paused_at
        && a.disabled_at == b.disabled_at
        && a.disabled_reason == b.disabled_reason
}

/// The column `event_types`.
pub(crate) fn join_patterns(patterns: &[EventPattern]) -> String {
    patterns.iter().map(EventPattern::as_str).collect::<Vec<_>>().join(" ")
}

/// Reads the column `event_types`.
pub(crate) fn split_patterns(text: &str) -> Result<Vec<EventPattern>, Unreadable> {
    text.split(' ').map(|pattern| EventPattern::parse(pattern).map_err(Unreadable::new)).collect()
}

/// The column `no_retry_statuses`.
pub(crate) fn join_statuses(statuses: &[u16]) -> String {
    statuses.iter().map(u16::to_string).collect::<Vec<_>>().join(" ")
}

/// Reads the column `no_retry_statuses`.
pub(crate) fn split_statuses(text: &str) -> Result<Vec<u16>, Unreadable> {
    text.split_ascii_whitespace().map(|status| status.parse().map_err(Unreadable::new)).collect()
}

/// The column `retry_delays`; null for the usual schedule.
pub(crate) fn join_delays(rules: &DeliveryRules) -> Option<String> {
    let schedule = rules.schedule.as_ref()?;
    Some(schedule.delays_secs().iter().map(u32::to_string).collect::<Vec<_>>().join(" "))
}

/// Reads the column `retry_delays`.
pub(crate) fn split_delays(text: &str) -> Result<Schedule, Unreadable> {
    let delays: Result<Vec<u32>, _> = text.split_ascii_whitespace().map(str::parse).collect();
    Schedule::new(delays.map_err(Unreadable::new)?).map_err(Unreadable::new)
}
