//! Replays: many redeliveries by a query, made step by step.
//!
//! The actors: the API makes a replay and may call it off; the *replayer* (of the delivery crate) asks what
//! is at work and advances it a bounded step at a time, each step in one transaction with its place in the
//! query, so that a crash repeats or forgets nothing. What a replay leaves behind (pending deliveries of a
//! cancelled one, the endpoint that stood for another URL) is cleared the same way.
//!
//! What is *not* guaranteed: that exactly the counted deliveries are made. Events that retention takes, and
//! endpoints that are deleted or stop wanting a type meanwhile, are missing.

use async_trait::async_trait;
use ringback_domain::{
    EndpointId, EndpointKey, ProjectId, Replay, ReplayId, ReplayQuery, SecretId, Timestamp,
};

use crate::error::StoreError;
use crate::page::{Page, PageRequest};
use crate::query::DeliveryCounts;

/// How many events a count looks at before it says "at least so many"; so it does after five seconds.
pub const MAX_COUNTED_EVENTS: usize = 1_000_000;

/// How many replays of one project may be running at once.
pub const MAX_RUNNING: usize = 10;

/// Another URL in place of the endpoints'.
#[derive(Debug, Clone)]
pub struct ReplayTarget {
    /// The URL; judged by the guard on outbound connections beforehand.
    pub url: String,
    /// The id of the endpoint that stands for it.
    pub endpoint_id: EndpointId,
    /// Its secret, for this replay alone.
    pub secret: (SecretId, EndpointKey),
}

/// A replay to be made.
#[derive(Debug, Clone)]
pub struct NewReplay {
    /// The id it gets.
    pub id: ReplayId,
    /// Whose it is.
    pub project_id: ProjectId,
    /// What it sends again.
    pub query: ReplayQuery,
    /// Where to, if not to the endpoints; each event once, in one attempt.
    pub target: Option<ReplayTarget>,
    /// Deliveries a second, 1 to [`MAX_RATE`](ringback_domain::replay::MAX_RATE).
    pub rate: u32,
    /// The time of making. Only events that were committed before it are replayed.
    pub now: Timestamp,
}

/// How many deliveries a query comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReplayPreview {
    /// So many.
    pub count: u64,
    /// Or more: the count stopped after [`MAX_COUNTED_EVENTS`] events.
    pub is_minimum: bool,
}

/// A replay, and how its deliveries stand.
#[derive(Debug, Clone)]
pub struct ReplayDetail {
    /// The replay.
    pub replay: Replay,
    /// Its deliveries.
    pub deliveries: DeliveryCounts,
}

/// What one step of a replay did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Advanced {
    /// How many deliveries it made.
    pub created: usize,
    /// The endpoints that they are due for.
    pub due: Vec<EndpointId>,
    /// Whether the replay is final now.
    pub is_final: bool,
}

/// The part of a [`Store`](crate::Store) that replays are.
#[async_trait]
pub trait ReplayStore: Send + Sync + 'static {
    /// How many deliveries a query comes to now; `to_target`: if they went to one other URL.
    /// [`StoreError::NotFound`] if the project has no such endpoint or source.
    async fn preview_replay(
        &self,
        project_id: ProjectId,
        query: ReplayQuery,
        to_target: bool,
    ) -> Result<ReplayPreview, StoreError>;

    /// Makes a replay, and the endpoint that stands for its `target`. [`StoreError::NotFound`] if the project
    /// has no such endpoint or source, [`StoreError::TooMany`] beyond [`MAX_RUNNING`].
    async fn create_replay(&self, replay: NewReplay) -> Result<Replay, StoreError>;

    /// A part of a project's replays.
    async fn list_replays(
        &self,
        project_id: ProjectId,
        page: PageRequest<ReplayId>,
    ) -> Result<Page<Replay>, StoreError>;

    /// A replay, and how its deliveries stand. [`StoreError::NotFound`] if the project has none of this id.
    async fn replay(&self, project_id: ProjectId, id: ReplayId) -> Result<ReplayDetail, StoreError>;

    /// Calls a replay off: it makes no more deliveries, and its pending ones are cancelled step by step.
    /// [`StoreError::NotFound`] if the project has none of this id; [`StoreError::Ended`] if it has been
    /// called off, or nothing of it is pending.
    async fn cancel_replay(
        &self,
        project_id: ProjectId,
        id: ReplayId,
        now: Timestamp,
    ) -> Result<Replay, StoreError>;

    /// The replays that there is something to do for: those that run, and those that leave something behind.
    /// Oldest first.
    async fn replays_at_work(&self) -> Result<Vec<Replay>, StoreError>;

    /// Makes up to about `limit` of a running replay's deliveries (those of one event stay together), and
    /// notes how far it came, in one transaction. Looks at a bounded number of events, so that a step may
    /// make none and not be the last. [`StoreError::NotFound`] if there is none of this id.
    async fn advance_replay(
        &self,
        id: ReplayId,
        limit: usize,
        now: Timestamp,
    ) -> Result<Advanced, StoreError>;

    /// Clears up to `limit` of what a replay that does not run leaves behind; says whether nothing is left.
    /// While a delivery to another URL is pending, that endpoint stays. [`StoreError::NotFound`] if there is
    /// none of this id.
    async fn clear_replay(&self, id: ReplayId, limit: usize, now: Timestamp) -> Result<bool, StoreError>;
}
