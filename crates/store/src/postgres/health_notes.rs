//! What attempts say about their endpoints, written down together.
//!
//! The health of an endpoint is part of the configuration, and there is one change of that at a time over all
//! nodes. When a thousand receivers fail at once, a thousand changes would keep everything else from
//! changing, and every node busy reading it all anew. So notes wait here while one is written, and are
//! written together; the more there were, the longer is the pause after them.
//!
//! What is *not* guaranteed: that a note is written. Attempts are recorded whatever becomes of it. One that
//! is lost (the database is away, the node ends, too many wait) is said again by a later attempt, as long as
//! it is true.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use ringback_domain::endpoint_health::HealthChange;
use ringback_domain::{ProjectId, Timestamp};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::again::until_it_meets_none;
use super::endpoints::Changed;
use super::failure::Failure;
use super::health;
use super::locks;
use super::snapshot::Snapshot;
use crate::keyring::Keyring;
use crate::work::EndpointNote;

/// How many may wait.
const MAX_WAITING: usize = 10_000;
/// How many are written in one change: bounds how long other changes wait for it.
const MAX_TOGETHER: usize = 200;
/// The pause for each note that was written, so that many soon come together.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest pause.
const MAX_PAUSE: Duration = Duration::from_secs(1);
/// How many may be before one whose sender waits for it: a short time.
const SHORT_QUEUE: usize = 8;
/// How long a sender waits at most.
const PATIENCE: Duration = Duration::from_secs(5);

/// A note on its way.
struct Waiting {
    project_id: ProjectId,
    note: EndpointNote,
    now: Timestamp,
    /// Told whether the endpoint is disabled by it.
    reply: oneshot::Sender<bool>,
}

/// Where notes are handed in.
pub(super) struct HealthNotes {
    queue: mpsc::Sender<Waiting>,
}

/// Where they wait.
pub(super) struct Pile {
    waiting: mpsc::Receiver<Waiting>,
}

impl HealthNotes {
    /// Nothing is written before [`Pile::write_down`] runs.
    pub(super) fn new() -> (Self, Pile) {
        let (queue, waiting) = mpsc::channel(MAX_WAITING);
        (Self { queue }, Pile { waiting })
    }

    /// Hands a note in. Waits until it is written if that disables the endpoint or will not take long; says
    /// whether it has disabled it.
    pub(super) async fn hand_in(&self, project_id: ProjectId, note: EndpointNote, now: Timestamp) -> bool {
        let is_awaited = matches!(note.change, HealthChange::Disable(_))
            || self.queue.max_capacity() - self.queue.capacity() < SHORT_QUEUE;
        let (reply, written) = oneshot::channel();
        if self.queue.try_send(Waiting { project_id, note, now, reply }).is_err() || !is_awaited {
            return false;
        }
        timeout(PATIENCE, written).await.is_ok_and(|told| told.unwrap_or(false))
    }
}

impl Pile {
    /// Writes down what comes, until the other end is dropped.
    pub(super) async fn write_down(mut self, snapshot: Arc<Snapshot>, keyring: Arc<Keyring>) {
        let mut notes = Vec::new();
        while self.waiting.recv_many(&mut notes, MAX_TOGETHER).await > 0 {
            let count = u32::try_from(notes.len()).unwrap_or(u32::MAX);
            // Whoever records attempts meets the same trouble, and tells.
            let _ = until_it_meets_none!(write(&snapshot, &keyring, &mut notes));
            notes.clear();
            sleep((PAUSE * count).min(MAX_PAUSE)).await;
        }
    }
}

/// Writes what is still news, in one change. Answers when that is committed.
async fn write(snapshot: &Snapshot, keyring: &Keyring, notes: &mut Vec<Waiting>) -> Result<(), Failure> {
    let change = snapshot
        .change_if(|config| {
            notes.retain(|waiting| health::is_news(config, &waiting.note));
            !notes.is_empty()
        })
        .await?;
    let Some(change) = change else { return Ok(()) };
    let disabling = notes.iter().filter(|waiting| matches!(waiting.note.change, HealthChange::Disable(_)));
    let projects: Vec<ProjectId> = disabling.map(|waiting| waiting.project_id).collect();
    if !projects.is_empty() {
        locks::take_routes(&change, &projects).await?;
    }
    let each = notes
        .iter()
        .map(|waiting| health::note(&change, keyring, waiting.project_id, &waiting.note, waiting.now));
    let changed: Vec<Option<Changed>> = try_join_all(each).await?;
    change.commit(|config| changed.iter().flatten().for_each(|changed| changed.put(config))).await?;
    for (waiting, changed) in notes.drain(..).zip(changed) {
        let is_disabled = changed.is_some_and(|changed| changed.endpoint.disabled_at.is_some());
        // Most do not wait for it.
        let _ = waiting.reply.send(is_disabled);
    }
    Ok(())
}
