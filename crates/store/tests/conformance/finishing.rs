//! The ends of attempts, as a deliverer reports them.

use bytes::Bytes;
use ringback_domain::retry::NextStep;
use ringback_domain::{Attempt, AttemptOutcome, AttemptReport, DeliveryId, EndReason, Timestamp};
use ringback_store::{Claimed, Finish, Unattempted};

use super::World;

/// A report of an attempt answered 204.
pub(crate) fn succeeded(now: Timestamp) -> AttemptReport {
    AttemptReport {
        outcome: AttemptOutcome::Succeeded,
        status_code: Some(204),
        error: None,
        response_body: Bytes::new(),
        started_at: now,
        duration_ms: 12,
    }
}

/// A report of an attempt answered 500.
pub(crate) fn failed(now: Timestamp) -> AttemptReport {
    AttemptReport { outcome: AttemptOutcome::HttpError, status_code: Some(500), ..succeeded(now) }
}

/// The end of a delivery whose schedule is used up.
pub(crate) const DEAD: NextStep = NextStep::Dead(EndReason::ScheduleExhausted);

/// A claimed delivery to be given back.
pub(crate) fn unattempted(claimed: &Claimed) -> Unattempted {
    Unattempted {
        project_id: claimed.project_id,
        delivery_id: claimed.delivery_id,
        lease_token: claimed.lease.token,
    }
}

impl World {
    /// The finish of a claimed delivery: by its next step, a success or a failure that began and ended at
    /// `now`.
    pub(crate) fn finishing(&self, claimed: &Claimed, next: NextStep, now: Timestamp) -> Finish {
        let finish = self.finishing_under(claimed.delivery_id, claimed.lease.token, next, now);
        Finish { project_id: claimed.project_id, ..finish }
    }

    /// The same, with the lease named apart.
    pub(crate) fn finishing_under(
        &self,
        delivery_id: DeliveryId,
        lease_token: u64,
        next: NextStep,
        now: Timestamp,
    ) -> Finish {
        let report = if next == NextStep::Delivered { succeeded(now) } else { failed(now) };
        let attempt = Attempt { id: self.id_at(now), number: 1, report };
        Finish { project_id: self.project, delivery_id, lease_token, attempt, next, endpoint: None, now }
    }

    /// Finishes a claimed delivery at `now`.
    pub(crate) async fn finish(&self, claimed: &Claimed, next: NextStep, now: Timestamp) {
        self.store.finish(self.finishing(claimed, next, now)).await.unwrap();
    }
}
