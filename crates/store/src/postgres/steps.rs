//! The operations that come to more than one step: checking, appending, claiming for an owner, and recording
//! an attempt that says something about its endpoint.

use std::time::Instant;

use ringback_domain::{EndpointId, Timestamp};

use super::batch::{Outcome, Work};
use super::claim::ClaimedRow;
use super::expire::Expired;
use super::failure::Failure;
use super::finish::Ended;
use super::mislaid::Held;
use super::owners::Way;
use super::{PostgresStore, claim, health, load};
use crate::append::Appended;
use crate::error::StoreError;
use crate::work::{Claimed, Finish, Finished};

impl PostgresStore {
    /// Whether this node is good for anything.
    pub(super) async fn check_all(&self) -> Result<(), StoreError> {
        // These are known here: only the transaction says that the database is there.
        self.check_clock()?;
        self.writing.trouble_noted(self.writer.check_room())?;
        self.reading.trouble_noted(self.snapshot.check_fresh().map_err(StoreError::from))?;
        let touched = async {
            self.writing.check_room(&self.connections, self.leases.node).await?;
            let tx = self.connections.write().await?;
            load::touch(&tx, self.leases.node).await?;
            tx.commit().await
        };
        self.written(touched.await)
    }

    /// Fails if what is made now has no place in the database.
    fn check_clock(&self) -> Result<(), StoreError> {
        self.writing.trouble_noted(self.skew.check().map_err(StoreError::from))
    }

    pub(super) async fn append_work(&self, work: Work) -> Result<Vec<Appended>, StoreError> {
        self.check_clock()?;
        match self.writing.noted(self.writer.write_or_refuse(work).await)? {
            Outcome::Appended(appended) => {
                self.tell_due(appended.iter().flat_map(|appended| appended.due.iter().copied()));
                Ok(appended)
            }
            Outcome::Finished(_) | Outcome::Claimed(_) => Err(StoreError::Closed),
        }
    }

    /// Tells the other nodes of due work that is not for this one alone.
    pub(super) fn tell_due(&self, endpoints: impl IntoIterator<Item = EndpointId>) {
        self.crier.tell(endpoints.into_iter().filter(|id| !self.owners.has(*id)));
    }

    /// Tells of what has been let go by those that were too old; says how many these were.
    pub(super) fn tell_expired(&self, expired: Expired) -> usize {
        self.tell_due(expired.released);
        expired.count
    }

    /// Tells of what an end has let go, if it may go now; gives what the caller is told.
    pub(super) fn tell_released(&self, ended: Ended, now: Timestamp) -> Finished {
        let at = ended.finished.next_in_order_at;
        if at.is_some_and(|at| at <= now) {
            self.tell_due(ended.endpoint_id);
        }
        ended.finished
    }

    /// Claims for an endpoint that all nodes share.
    pub(super) async fn claim_shared(&self, wanted: claim::Wanted) -> Result<Vec<Claimed>, StoreError> {
        // With whatever else is written just now: a commit of its own would be the dearest part of it.
        match self.writing.noted(self.writer.write_or_refuse(Work::Claim(wanted)).await)? {
            Outcome::Claimed(rows) => self.read(self.with_contents(rows).await),
            Outcome::Appended(_) | Outcome::Finished(_) => Err(StoreError::Closed),
        }
    }

    /// Claims for an endpoint that one node alone delivers to, as one that has it or may take it.
    pub(super) async fn claim_owned(&self, wanted: claim::Wanted, way: Way) -> Result<Vec<Claimed>, Failure> {
        let asked_at = Instant::now();
        // What it claims is to be known before it is committed.
        let tx = self.connections.write().await?;
        let (rows, found) = claim::claim_owned(&tx, self.leases, wanted, way == Way::Take).await?;
        if let Err(failure) = tx.commit().await {
            self.mislaid.note(rows.iter().map(ClaimedRow::held));
            return Err(failure);
        }
        self.owners.note(wanted.endpoint_id, found, asked_at);
        self.with_contents(rows).await
    }

    /// What was claimed, with what it carries.
    async fn with_contents(&self, rows: Vec<ClaimedRow>) -> Result<Vec<Claimed>, Failure> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let held: Vec<Held> = rows.iter().map(ClaimedRow::held).collect();
        let read = async { claim::with_contents(&self.connections.get().await?, rows).await };
        let outcome = read.await;
        if outcome.is_err() {
            self.mislaid.note(held);
        }
        outcome
    }

    /// Records an attempt, and hands on what it says about its endpoint. The attempt first: what comes of the
    /// other is no matter of it.
    pub(super) async fn record(&self, mut finish: Finish) -> Result<Finished, StoreError> {
        let (project_id, now, note) = (finish.project_id, finish.now, finish.endpoint.take());
        let outcome = self.writing.noted(self.writer.write(Work::Finish(Box::new(finish))).await)?;
        let Outcome::Finished(ended) = outcome else { return Err(StoreError::Closed) };
        let mut finished = self.tell_released(ended, now);
        if let Some(note) = note.filter(|note| health::is_news(&self.snapshot.config(), note)) {
            finished.disabled = self.health_notes.hand_in(project_id, note, now).await;
        }
        Ok(finished)
    }
}
