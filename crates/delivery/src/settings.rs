//! The limits and intervals of delivery.

use std::time::Duration;

use ringback_domain::endpoint_health;

/// How long deduplication remembers at least, whatever the settings say: longer than any sender retries. 96
/// hours.
pub const MIN_DEDUPE_RETENTION: Duration = Duration::from_secs(96 * 3600);
/// The shortest hard limit of retention, 4 days: a delivery is retried for 72 h after its first attempt, and
/// that may be late by a day.
pub const MIN_PENDING_RETENTION: Duration = Duration::from_secs(96 * 3600);

/// How a node delivers.
#[derive(Debug, Clone)]
pub struct DeliverySettings {
    /// Attempts under way at once, over all endpoints, at least 1. Default 512. Bounds memory: each holds one
    /// payload.
    pub max_in_flight: usize,
    /// Attempts under way at once to one endpoint, at least 1, so that a slow one does not hold up another's.
    /// Default 32.
    pub max_in_flight_per_endpoint: usize,
    /// How often the store is scanned for due work that this node was not told of. Default 1 s.
    pub scan_interval: Duration,
    /// How often leases that ran out are freed. Default 5 s.
    pub reclaim_interval: Duration,
    /// How often retention is applied. Default 60 s.
    pub prune_interval: Duration,
    /// How fast what an endpoint held while it was paused or disabled is released, in attempts a second, at
    /// least 1. Default 100; less if the endpoint's own rate is.
    pub release_per_sec: u32,
    /// How long an endpoint may fail everything before it is disabled; `None`: for ever. Default 5 days. It
    /// is warned of at half of the way.
    pub disable_failing_after: Option<Duration>,
    /// How often replays are looked for that this node was not told of. Default 5 s.
    pub replay_scan_interval: Duration,
    /// How long finished events are kept. Default 30 days.
    pub event_retention: Duration,
    /// How long an event is kept at most while a delivery of it is pending; then that is given up. `None`,
    /// the default: for ever. At least [`MIN_PENDING_RETENTION`], and at least `event_retention`.
    pub pending_retention: Option<Duration>,
    /// How long a `webhook-id` is remembered for deduplication. Default 30 days; less than
    /// [`MIN_DEDUPE_RETENTION`] counts as that, because senders retry for 72 hours.
    pub dedupe_retention: Duration,
    /// The `user-agent` header of every attempt.
    pub user_agent: String,
}

impl DeliverySettings {
    /// The defaults, announcing `Ringback/VERSION` to receivers.
    #[must_use]
    pub fn new(version: &str) -> Self {
        let day = Duration::from_secs(24 * 3600);
        Self {
            max_in_flight: 512,
            max_in_flight_per_endpoint: 32,
            scan_interval: Duration::from_secs(1),
            reclaim_interval: Duration::from_secs(5),
            prune_interval: Duration::from_secs(60),
            release_per_sec: 100,
            disable_failing_after: Some(endpoint_health::DEFAULT_DISABLE_AFTER),
            replay_scan_interval: Duration::from_secs(5),
            event_retention: 30 * day,
            pending_retention: None,
            dedupe_retention: 30 * day,
            user_agent: format!("Ringback/{version}"),
        }
    }
}
