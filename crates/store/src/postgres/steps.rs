//! The operations that come to more than one step: appending, claiming for an owner, and an end that says something about its endpoint.

use ringback_domain::EndpointId;

use super::batch::{Outcome, Work};
use super::failure::Failure;
use super::owners::Way;
use super::{PostgresStore, claim, finish, health};
use crate::append::Appended;
use crate::error::StoreError;
use crate::work::{Claimed, EndpointNote, Finish, Finished};

impl PostgresStore {
    pub(super) async fn append_work(&self, work: Work) -> Result<Vec<Appended>, StoreError> {
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

    /// Claims for an endpoint that one node alone delivers to, as one that has it or may take it. In one round trip all the same.
    pub(super) async fn claim_owned(&self, wanted: claim::Wanted, way: Way) -> Result<Vec<Claimed>, Failure> {
        let connection = self.connections.get().await?;
        let (rows, found) = claim::claim_owned(&connection, self.leases, wanted, way == Way::Take).await?;
        self.owners.note(wanted.endpoint_id, found);
        if rows.is_empty() { Ok(Vec::new()) } else { claim::with_contents(&connection, rows).await }
    }

    /// Rare, and a change of the configuration besides.
    pub(super) async fn finish_with_note(
        &self,
        finish: &Finish,
        note: &EndpointNote,
    ) -> Result<Option<Finished>, Failure> {
        // Of many attempts that end alike only the first has something to say, and a change is one at a time over all nodes.
        let Some(change) = self.snapshot.change_if(|config| health::is_news(config, note)).await? else {
            return Ok(None);
        };
        // Before the delivery, as everywhere the routes come first.
        let changed = health::note(&change, &self.keyring, finish.project_id, note, finish.now).await?;
        let mut finished = finish::finish(&change, finish).await?;
        finished.disabled = changed.as_ref().is_some_and(|changed| changed.endpoint.disabled_at.is_some());
        change.commit(|config| changed.iter().for_each(|changed| changed.put(config))).await?;
        Ok(Some(finished))
    }
}
