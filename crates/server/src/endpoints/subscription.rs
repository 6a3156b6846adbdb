//! Which event types an endpoint may name: OpenAI's whole catalogue, wildcards, and every type this project
//! has registered or had.

use std::collections::BTreeSet;

use ringback_domain::{EventPattern, ProjectId};
use ringback_store::Store;
use ringback_webhook::{catalogue, event_type};

use crate::error::ApiError;
use crate::fields::Fields;
use crate::nearest::{did_you_mean, shown};

const FIELD: &str = "event_types";

/// How many types and wildcards one endpoint may name.
const MAX_PATTERNS: usize = 256;

/// The names as given.
pub(super) fn names(fields: &Fields) -> Result<Option<Vec<&str>>, ApiError> {
    fields.texts(FIELD, MAX_PATTERNS, event_type::MAX_BYTES)
}

/// The names as stored: in the one spelling, each once, in the order given.
pub(super) async fn read(
    store: &dyn Store,
    project_id: ProjectId,
    names: &[&str],
) -> Result<Vec<EventPattern>, ApiError> {
    let mut seen = BTreeSet::new();
    let mut patterns = Vec::with_capacity(names.len());
    for name in names {
        let pattern = EventPattern::parse(name)
            .map_err(|error| ApiError::invalid_value(FIELD, format!("`{}` is {error}", shown(name))))?;
        if seen.insert(pattern.clone()) {
            check_known(store, project_id, &pattern).await?;
            patterns.push(pattern);
        }
    }
    Ok(patterns)
}

/// Refuses what is no exact type, and what [`check_known`] does.
pub(super) async fn check_exact(
    store: &dyn Store,
    project_id: ProjectId,
    name: &str,
) -> Result<(), ApiError> {
    match EventPattern::parse(name) {
        Ok(pattern) if pattern.is_exact() => check_known(store, project_id, &pattern).await.map_err(|_| {
            ApiError::invalid_value(
                FIELD,
                format!(
                    "`{}` is neither one of OpenAI's event types nor one that this project has registered, received or \
                     published{}",
                    shown(name),
                    did_you_mean(name, catalogue::entries().iter().map(|entry| entry.name)),
                ),
            )
        }),
        _ => Err(ApiError::invalid_value(FIELD, format!("`{}` is no event type", shown(name)))),
    }
}

/// A type that nothing ever sent is most likely mistyped, and would wait for ever.
async fn check_known(
    store: &dyn Store,
    project_id: ProjectId,
    pattern: &EventPattern,
) -> Result<(), ApiError> {
    let name = pattern.as_str();
    let is_registered = || {
        let config = store.config();
        config.project(project_id).is_some_and(|project| project.has_event_type(name))
    };
    let known = !pattern.is_exact()
        || catalogue::find(name).is_some()
        || is_registered()
        || store.has_seen_type(project_id, name).await?;
    if known {
        return Ok(());
    }
    let meant = did_you_mean(name, catalogue::entries().iter().map(|entry| entry.name));
    let meant = if meant.is_empty() { "." } else { &meant };
    let message = format!(
        "`{}` is neither one of OpenAI's event types nor one that this project has registered, received or published{meant} \
         Register it with `POST /v1/webhook_event_types {{\"name\": …}}`, or name a wildcard such as `{}`",
        shown(name),
        family(name),
    );
    Err(ApiError::invalid_value(FIELD, message))
}

/// The wildcard of the family that a type belongs to.
fn family(name: &str) -> String {
    let family = name.rsplit_once('.').map_or(name, |(family, _)| family);
    format!("{}.*", shown(family))
}
