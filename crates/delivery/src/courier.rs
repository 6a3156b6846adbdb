//! One claimed delivery's way: attempt it, decide what follows, record both.

use std::sync::Arc;
use std::time::Duration;

use ringback_domain::endpoint_health::HealthChange;
use ringback_domain::retry::{self, Ending, NextStep, Progress};
use ringback_domain::{Attempt, AttemptOutcome, AttemptReport, Endpoint, Timestamp, Trigger};
use ringback_store::{Claimed, EndpointNote, Finish, Finished, StoreError, Unattempted};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::deliverer::{Node, lease_length};
use crate::slots::Slot;
use crate::test_places::TestPlace;

/// How long to wait before recording an attempt again when the database does not take it.
const RECORD_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// A claimed delivery with what it takes to attempt it.
pub(crate) struct Job {
    /// The delivery.
    pub(crate) claimed: Claimed,
    /// Given back when the attempt has ended.
    pub(crate) place: Place,
    /// When the lease runs out, by this process's monotonic clock: the wall clock may be set meanwhile.
    pub(crate) lease_ends: Instant,
}

/// The right to make an attempt.
pub(crate) enum Place {
    /// One of the endpoint's slots.
    Slot(Slot),
    /// One of the few for tests, which must not wait behind a queue that they are to explain; and who waits
    /// for the report.
    Test(TestPlace, oneshot::Sender<AttemptReport>),
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
        node.note_unattempted(&endpoint);
        return;
    }
    if claimed.expires_at.is_some_and(|expires_at| expires_at <= node.clock.now()) {
        // Too old since the claim: it is ended like all others that are.
        give_back(&node, &claimed).await;
        node.note_unattempted(&endpoint);
        return;
    }
    let timeout = Duration::from_secs(endpoint.timeout_secs.into());
    let is_too_late = lease_ends.saturating_duration_since(Instant::now()) <= timeout;
    let leased_at = lease_ends.checked_sub(lease_length(&endpoint)).unwrap_or(lease_ends);
    if is_too_late || !node.store.holds_leases_since(leased_at.into_std()) {
        // Somebody else may claim it before an attempt made now would end, or has: then the token is another
        // one. Else nobody would until the lease runs out.
        give_back(&node, &claimed).await;
        node.note_unattempted(&endpoint);
        return;
    }
    let (report, advice) = node.sender.attempt(&endpoint, &claimed, node.clock.now()).await;
    let ending = Ending {
        outcome: report.outcome,
        status_code: report.status_code,
        no_retry: report.status_code.is_some_and(|status| endpoint.no_retry_statuses.contains(&status)),
        advice,
    };
    let finish = conclude(&node, &endpoint, &claimed, ending, report);
    log_attempt(&endpoint, &claimed, &finish);
    let change = finish.endpoint.as_ref().map(|note| note.change);
    let next = finish.next;
    let works = ending.outcome == AttemptOutcome::Succeeded || ending.is_about_the_message();
    if claimed.trigger != Trigger::Test || works {
        node.note_ending(&endpoint, works);
    }
    // The payload has gone: what waits to be recorded is small.
    drop(claimed);
    let recorded = match place {
        Place::Slot(slot) => {
            let _waiting = node.unrecorded.admit(slot);
            record(&node, finish, lease_ends).await
        }
        Place::Test(_place, ended) => {
            let report = finish.attempt.report.clone();
            let recorded = record(&node, finish, lease_ends).await;
            if recorded.is_some() {
                // Whoever made the test may have gone away.
                let _ = ended.send(report);
            }
            recorded
        }
    };
    let Some(finished) = recorded else { return };
    log_health(&endpoint, change, finished.disabled);
    let retry_at = if let NextStep::RetryAt(at) = next { Some(at) } else { None };
    for at in retry_at.into_iter().chain(finished.next_in_order_at) {
        node.note_due(endpoint.id, at);
    }
}

fn conclude(
    node: &Node,
    endpoint: &Endpoint,
    claimed: &Claimed,
    ending: Ending,
    report: AttemptReport,
) -> Finish {
    let now = node.clock.now();
    let attempts_made = claimed.attempt_count + 1;
    let progress = Progress {
        trigger: claimed.trigger,
        attempts_made,
        first_attempt_at: claimed.first_attempt_at.unwrap_or(report.started_at),
        now,
        expires_at: claimed.expires_at,
    };
    Finish {
        project_id: claimed.project_id,
        delivery_id: claimed.delivery_id,
        lease_token: claimed.lease.token,
        next: retry::decide(ending, progress, endpoint.rules.schedule(), (node.jitter)()),
        endpoint: endpoint_note(node, endpoint, claimed.trigger, ending, now),
        attempt: Attempt { id: node.ids.next(now), number: attempts_made, report },
        now,
    }
}

/// A test says something to who made it, and nothing about the endpoint.
fn endpoint_note(
    node: &Node,
    endpoint: &Endpoint,
    trigger: Trigger,
    ending: Ending,
    now: Timestamp,
) -> Option<EndpointNote> {
    // Nor does it matter how the other URL of a replay does: it goes with the replay.
    if trigger == Trigger::Test || endpoint.replay_id.is_some() {
        return None;
    }
    let change = node.failures.after(endpoint, ending, now, node.settings.disable_failing_after)?;
    Some(EndpointNote {
        endpoint_id: endpoint.id,
        url: endpoint.url.clone(),
        failing_since: endpoint.health.failing_since,
        change,
    })
}

/// Records the attempt. While the database does not take it, tries until the lease runs out: after that the
/// row will be claimed and attempted again, which costs a duplicate and loses nothing.
async fn record(node: &Node, finish: Finish, lease_ends: Instant) -> Option<Finished> {
    loop {
        match node.store.finish(finish.clone()).await {
            Ok(finished) => return Some(finished),
            // Known by its attempt's id: again is harmless.
            Err(StoreError::Unavailable(_) | StoreError::InDoubt(_))
                if Instant::now() + RECORD_AGAIN_AFTER < lease_ends =>
            {
                tokio::time::sleep(RECORD_AGAIN_AFTER).await;
            }
            Err(error) => {
                tracing::error!(
                    delivery.id = %finish.delivery_id,
                    error = &error as &dyn std::error::Error,
                    "an attempt could not be recorded; the delivery will be attempted again"
                );
                return None;
            }
        }
    }
}

async fn give_back(node: &Node, claimed: &Claimed) {
    let unattempted = Unattempted {
        project_id: claimed.project_id,
        delivery_id: claimed.delivery_id,
        lease_token: claimed.lease.token,
    };
    if let Err(error) = node.store.release(vec![unattempted]).await {
        tracing::warn!(
            delivery.id = %claimed.delivery_id,
            error = &error as &dyn std::error::Error,
            "a held delivery could not be given back: it stays leased for a while"
        );
    }
}

/// The one wide line about an attempt: no payload, no signature, no secret, no URL (its query may hold a
/// token).
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

/// What an operator wants to hear of, once.
fn log_health(endpoint: &Endpoint, change: Option<HealthChange>, disabled: bool) {
    match change {
        Some(HealthChange::Warn(_)) => tracing::warn!(
            project.id = %endpoint.project_id,
            endpoint.id = %endpoint.id,
            endpoint.failing_since = endpoint.health.failing_since.map(Timestamp::as_unix_secs),
            "endpoint.failing: every attempt has failed for half the time after which it is disabled"
        ),
        Some(HealthChange::Disable(why)) if disabled => tracing::warn!(
            project.id = %endpoint.project_id,
            endpoint.id = %endpoint.id,
            endpoint.disabled_reason = %why,
            "endpoint.disabled"
        ),
        Some(HealthChange::Disable(_) | HealthChange::Recovered | HealthChange::Failing(_)) | None => {}
    }
}
