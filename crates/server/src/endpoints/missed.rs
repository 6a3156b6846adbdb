//! What an endpoint missed while it was disabled, or while everything failed before that, offered to whoever
//! enables it.

use ringback_domain::{Endpoint, EndpointId, ReplayFilter, ReplayQuery, Timestamp};
use ringback_store::ReplayPreview;
use serde::Serialize;

use crate::json::Text;
use crate::parts::App;

/// How much it missed, and how to have it sent.
#[derive(Serialize)]
pub(super) struct MissedView {
    /// Since when it was disabled, or had been failing.
    since: i64,
    count: u64,
    count_is_minimum: bool,
    replay: ReplayBody,
}

/// The body with which `POST /v1/webhook_replays` sends it.
#[derive(Serialize)]
struct ReplayBody {
    endpoint_id: Text<EndpointId>,
    state: &'static str,
    created_after: i64,
}

/// Counted after it was enabled, so that nothing falls between. A count that fails is no reason to say that
/// the enabling did: then it is "at least none".
pub(super) async fn since(app: &App, endpoint: &Endpoint, time: Timestamp) -> MissedView {
    // In whole seconds, as the replay will have it.
    let since = time.as_unix_secs();
    let state = ReplayFilter::Missed;
    let query = ReplayQuery {
        endpoint_id: Some(endpoint.id),
        state: Some(state),
        created_after: Some(Timestamp::from_unix_secs(since)),
        ..ReplayQuery::default()
    };
    let preview =
        app.store().preview_replay(endpoint.project_id, query, false).await.unwrap_or_else(|error| {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                endpoint.id = %endpoint.id,
                "what an endpoint missed was not counted"
            );
            ReplayPreview { count: 0, is_minimum: true }
        });
    MissedView {
        since,
        count: preview.count,
        count_is_minimum: preview.is_minimum,
        replay: ReplayBody { endpoint_id: Text(endpoint.id), state: state.as_str(), created_after: since },
    }
}
