//! Many redeliveries by a query, as a job.

use crate::words::words;
use crate::{EndReason, EndpointId, EventId, ProjectId, ReplayId, SourceId, Timestamp};

/// How many deliveries a second a replay makes when it names no rate.
pub const DEFAULT_RATE: u32 = 50;

/// The highest rate that a replay may name, in deliveries a second.
pub const MAX_RATE: u32 = 1000;

/// Where a replay stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReplayState {
    /// It makes deliveries, at its rate.
    Running,
    /// It has made them all; they may still be under way, and then it can still be called off.
    Completed,
    /// It was called off, or its endpoint was deleted; its pending deliveries go too. Final.
    Cancelled,
}

words!("replay state", ReplayState {
    Running = "running",
    Completed = "completed",
    Cancelled = "cancelled",
});

/// How an event must stand with an endpoint to be replayed to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReplayFilter {
    /// Its newest delivery is pending.
    Pending,
    /// Its newest delivery was delivered.
    Delivered,
    /// Its newest delivery is dead.
    Dead,
    /// Its newest delivery was cancelled.
    Cancelled,
    /// The endpoint never got it and will not: no delivery of it was delivered or is pending. So it is also
    /// with what came before the endpoint was made, or while it was disabled.
    Missed,
}

words!("replay filter", ReplayFilter {
    Pending = "pending",
    Delivered = "delivered",
    Dead = "dead",
    Cancelled = "cancelled",
    Missed = "missed",
});

/// Which events a replay sends again, and where to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplayQuery {
    /// Only what this endpoint has had a delivery of or subscribes to; `None`: for every endpoint that wants
    /// it now.
    pub endpoint_id: Option<EndpointId>,
    /// Only what entered here.
    pub source_id: Option<SourceId>,
    /// Only this type, in either of its spellings.
    pub event_type: Option<String>,
    /// Only what is about this object.
    pub object_id: Option<String>,
    /// Only what stands so with the endpoint; `None`: whatever it stands like.
    pub state: Option<ReplayFilter>,
    /// Only what was taken in at this time or later.
    pub created_after: Option<Timestamp>,
    /// Only what was taken in before this time.
    pub created_before: Option<Timestamp>,
}

/// A replay as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// `whrp_…`.
    pub id: ReplayId,
    /// Whose it is.
    pub project_id: ProjectId,
    /// What it sends again.
    pub query: ReplayQuery,
    /// The URL that it goes to in place of the endpoints', once for each event.
    pub target_url: Option<String>,
    /// The endpoint that stands for that URL.
    pub target_endpoint_id: Option<EndpointId>,
    /// Deliveries a second.
    pub rate: u32,
    /// Where it stands.
    pub state: ReplayState,
    /// How many deliveries it was going to make when it was made. What is pruned meanwhile is missing.
    pub expected_count: u64,
    /// Whether there may be more than that: counting stops somewhere.
    pub expected_is_minimum: bool,
    /// How many it has made.
    pub created_count: u64,
    /// The last event it has looked at.
    pub cursor: Option<EventId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it had made them all, or was called off.
    pub finished_at: Option<Timestamp>,
    /// Why it was called off: by a person ([`EndReason::Requested`]), or because its endpoint was deleted
    /// ([`EndReason::EndpointDeleted`]).
    pub end_reason: Option<EndReason>,
}
