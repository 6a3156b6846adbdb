//! One claimed delivery's way: attempt it, decide what follows, record both.

use std::sync::Arc;
use std::time::Duration;

use ringback_domain::retry::{self, NextStep, Progress};
use ringback_domain::{Attempt, AttemptReport, Endpoint};
use ringback_store::{Claimed, Finish, StoreError};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::deliverer::Node;
use crate::slots::Slot;
use crate::test_places::TestPlace;

/// How long to wait before recording an attempt again when the database does not take it.
const RECORD_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// A claimed delivery with what it takes to attempt it.
pub(crate) struct Job {
    /// The delivery.
    pub(crate) claimed: Claimed,
    /// Given back when the attempt is recorded.
    pub(crate) place: Place,
    /// When the lease runs out, by this process's monotonic clock: the wall clock may be set meanwhile.
    pub(crate) lease_ends: Instant,
}

/// The right to make an attempt.
pub(crate) enum Place {
    /// One of the endpoint's slots.
    Slot(#[expect(dead_code, reason = "held, and given back by its drop")] Slot),
    /// One of the few for tests, which must not wait behind a queue that they are to explain; and who waits for the report.
    Test(
        #[expect(dead_code, reason = "held, and given back by its drop")] TestPlace,
        oneshot::Sender<AttemptReport>,
    ),
}

/// Carries one delivery through one attempt.
pub(crate) async fn carry(node: Arc<Node>, job: Job) {
    let Job { claimed, place, lease_ends } = job;
    let Some(endpoint) = node.store.config().endpoint(claimed.endpoint_id).cloned() else {
        // Deleted since the claim, and this row with it.
        return;
    };
    if !endpoint.may_attempt() && !matches!(place, Place::Test(..)) {
        // Paused or disabled since the claim: held, like all its other deliveries.
        give_back(&node, &claimed).await;
        return;
    }
    let timeout = Duration::from_secs(endpoint.timeout_secs.into());
    if lease_ends.saturating_duration_since(Instant::now()) <= timeout {
        // Somebody else may claim it before an attempt made now would end: leave the row alone, it will be reclaimed.
        return;
    }
    let report = node.sender.attempt(&endpoint, &claimed, node.clock.now()).await;
    let finish = conclude(&node, &endpoint, &claimed, report);
    log_attempt(&endpoint, &claimed, &finish);
    let next = finish.next;
    let report = matches!(place, Place::Test(..)).then(|| finish.attempt.report.clone());
    let recorded = record(&node, finish, lease_ends).await;
    if let (true, Some(report), Place::Test(_, ended)) = (recorded, report, place) {
        // Whoever made the test may have gone away.
        let _ = ended.send(report);
    }
    if let (true, NextStep::RetryAt(at)) = (recorded, next) {
        node.note_due(claimed.endpoint_id, at);
    }
}

fn conclude(node: &Node, endpoint: &Endpoint, claimed: &Claimed, report: AttemptReport) -> Finish {
    let now = node.clock.now();
    let attempts_made = claimed.attempt_count + 1;
    let progress = Progress {
        trigger: claimed.trigger,
        attempts_made,
        first_attempt_at: claimed.first_attempt_at.unwrap_or(report.started_at),
        now,
        no_retry: report.status_code.is_some_and(|status| endpoint.no_retry_statuses.contains(&status)),
    };
    Finish {
        delivery_id: claimed.delivery_id,
        lease_token: claimed.lease.token,
        next: retry::decide(report.outcome, progress, (node.jitter)()),
        attempt: Attempt { id: node.ids.next(now), number: attempts_made, report },
        now,
    }
}

/// Records the attempt. While the database does not take it, tries until the lease runs out: after that the row will be
/// claimed and attempted again, which costs a duplicate and loses nothing.
async fn record(node: &Node, finish: Finish, lease_ends: Instant) -> bool {
    loop {
        match node.store.finish(finish.clone()).await {
            Ok(()) => return true,
            Err(StoreError::Unavailable(_)) if Instant::now() + RECORD_AGAIN_AFTER < lease_ends => {
                tokio::time::sleep(RECORD_AGAIN_AFTER).await;
            }
            Err(error) => {
                tracing::error!(
                    delivery.id = %finish.delivery_id,
                    error = &error as &dyn std::error::Error,
                    "an attempt could not be recorded; the delivery will be attempted again"
                );
                return false;
            }
        }
    }
}

async fn give_back(node: &Node, claimed: &Claimed) {
    if let Err(error) = node.store.release(vec![(claimed.delivery_id, claimed.lease.token)]).await {
        tracing::warn!(
            delivery.id = %claimed.delivery_id,
            error = &error as &dyn std::error::Error,
            "a held delivery stays leased until its lease runs out"
        );
    }
}

/// The one wide line about an attempt: no payload, no signature, no secret, no URL (its query may hold a token).
fn log_attempt(endpoint: &Endpoint, claimed: &Claimed, finish: &Finish) {
    let report = &finish.attempt.report;
    let (next, retry_at) = match finish.next {
        NextStep::Delivered => ("delivered", None),
        NextStep::RetryAt(at) => ("retry", Some(at.as_unix_secs())),
        NextStep::Dead(_) => ("dead", None),
    };
    tracing::info!(
        project.id = %endpoint.project_id,
        endpoint.id = %claimed.endpoint_id,
        event.id = %claimed.event_id,
        webhook.id = %claimed.webhook_id,
        delivery.id = %claimed.delivery_id,
        delivery.trigger = %claimed.trigger,
        attempt.id = %finish.attempt.id,
        attempt.number = finish.attempt.number,
        attempt.outcome = %report.outcome,
        attempt.status_code = report.status_code,
        attempt.error = report.error,
        attempt.duration_ms = report.duration_ms,
        delivery.next = next,
        delivery.retry_at = retry_at,
        "delivery.attempted"
    );
}
