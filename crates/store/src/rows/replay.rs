//! What a replay is made from.

use std::time::Duration;

use ringback_domain::endpoint::DEFAULT_TIMEOUT_SECS;
use ringback_domain::retry::Schedule;
use ringback_domain::{DeliveryRules, EndpointId, EventPattern, ReplayQuery, TypedId};

use super::Unreadable;
use crate::config::ProjectConfig;
use crate::error::StoreError;
use crate::replays::{NewReplay, ReplayTarget};
use crate::store::NewEndpoint;

/// How many events one step looks at, at most: it may find nothing in them.
pub(crate) const EVENTS_PER_STEP: usize = 5000;

/// How many events one statement reads.
pub(crate) const EVENTS_AT_ONCE: usize = 500;

/// How many endpoints of events one part looks at, at most about: an event may concern thousands.
pub(crate) const MAX_LOOKUPS: usize = 50_000;

/// How long a query is counted; what has been counted by then is a minimum.
pub(crate) const MAX_COUNTING: Duration = Duration::from_secs(5);

/// How many deliveries one part of a count comes to, at most about.
pub(crate) const COUNTED_AT_ONCE: usize = 10_000;

/// The name of an endpoint that stands for a replay's other URL.
const TARGET_NAME: &str = "replay target";

/// In place of an endpoint, where it does not matter which it is.
pub(crate) fn anybody() -> EndpointId {
    EndpointId::from_bytes([0; 16])
}

/// Whether what a query names is there.
pub(crate) fn check_names(project: &ProjectConfig, query: &ReplayQuery) -> Result<(), StoreError> {
    if query.endpoint_id.is_some_and(|id| project.endpoint(id).is_none()) {
        return Err(StoreError::NotFound { noun: "webhook endpoint" });
    }
    if query.source_id.is_some_and(|id| project.source(id).is_none()) {
        return Err(StoreError::NotFound { noun: "webhook source" });
    }
    Ok(())
}

/// The endpoint that stands for another URL. One attempt for each event: "once".
pub(crate) fn target_endpoint(new: &NewReplay, target: &ReplayTarget) -> Result<NewEndpoint, Unreadable> {
    Ok(NewEndpoint {
        id: target.endpoint_id,
        project_id: new.project_id,
        name: TARGET_NAME.to_owned(),
        url: target.url.clone(),
        event_types: vec![EventPattern::parse("*").map_err(Unreadable::new)?],
        description: None,
        timeout_secs: DEFAULT_TIMEOUT_SECS,
        headers: Vec::new(),
        authentication: None,
        no_retry_statuses: Vec::new(),
        rules: DeliveryRules { schedule: Schedule::new(Vec::new()).ok(), ..DeliveryRules::default() },
        paused: false,
        secret: target.secret.clone(),
        now: new.now,
    })
}
