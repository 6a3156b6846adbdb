//! A replay as the API shows it.

use ringback_domain::{
    EndReason, EndpointId, EndpointKey, Replay, ReplayFilter, ReplayId, SourceId, Timestamp,
};
use ringback_store::{DeliveryCounts, ReplayPreview};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::json::Text;

/// The object `webhook_replay`.
#[derive(Serialize)]
pub(super) struct ReplayView<'a> {
    id: Text<ReplayId>,
    object: &'static str,
    created_at: i64,
    status: &'static str,
    /// Why it was cancelled: `requested` or `endpoint_deleted`.
    end_reason: Option<&'static str>,
    endpoint_id: Option<Text<EndpointId>>,
    source_id: Option<Text<SourceId>>,
    r#type: Option<&'a str>,
    object_id: Option<&'a str>,
    /// How an event must stand to be replayed; not how the replay stands, which is `status`.
    state: Option<&'static str>,
    created_after: Option<i64>,
    created_before: Option<i64>,
    target_url: Option<&'a str>,
    /// What the calls to `target_url` are verified with. In the answer to creation only.
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_secret: Option<Zeroizing<String>>,
    /// Deliveries made a second.
    rate: u32,
    expected_count: u64,
    expected_count_is_minimum: bool,
    created_count: u64,
    /// Left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    deliveries: Option<CountsView>,
    finished_at: Option<i64>,
}

/// How many deliveries stand how.
#[derive(Serialize)]
struct CountsView {
    pending: u64,
    delivered: u64,
    dead: u64,
    cancelled: u64,
}

/// The object `webhook_replay.preview`.
#[derive(Serialize)]
pub(super) struct PreviewView {
    object: &'static str,
    count: u64,
    count_is_minimum: bool,
}

impl<'a> ReplayView<'a> {
    /// As a list shows it.
    pub(super) fn of(replay: &'a Replay) -> Self {
        let query = &replay.query;
        Self {
            id: Text(replay.id),
            object: "webhook_replay",
            created_at: replay.created_at.as_unix_secs(),
            status: replay.state.as_str(),
            end_reason: replay.end_reason.map(EndReason::as_str),
            endpoint_id: query.endpoint_id.map(Text),
            source_id: query.source_id.map(Text),
            r#type: query.event_type.as_deref(),
            object_id: query.object_id.as_deref(),
            state: query.state.map(ReplayFilter::as_str),
            created_after: query.created_after.map(Timestamp::as_unix_secs),
            created_before: query.created_before.map(Timestamp::as_unix_secs),
            target_url: replay.target_url.as_deref(),
            signing_secret: None,
            rate: replay.rate,
            expected_count: replay.expected_count,
            expected_count_is_minimum: replay.expected_is_minimum,
            created_count: replay.created_count,
            deliveries: None,
            finished_at: replay.finished_at.map(Timestamp::as_unix_secs),
        }
    }

    /// With how its deliveries stand.
    pub(super) fn with_counts(self, counts: DeliveryCounts) -> Self {
        let DeliveryCounts { pending, delivered, dead, cancelled } = counts;
        Self { deliveries: Some(CountsView { pending, delivered, dead, cancelled }), ..self }
    }

    /// With the secret of its `target_url`, if it has one.
    pub(super) fn with_secret(self, key: Option<&EndpointKey>) -> Self {
        Self { signing_secret: key.map(EndpointKey::reveal_to_receiver), ..self }
    }
}

impl PreviewView {
    pub(super) fn of(preview: ReplayPreview) -> Self {
        let ReplayPreview { count, is_minimum } = preview;
        Self { object: "webhook_replay.preview", count, count_is_minimum: is_minimum }
    }
}
