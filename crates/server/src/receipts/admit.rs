//! Admission of calls that were refused: what was authentic and only late, and what came before its source
//! had a secret.

use std::sync::Arc;

use ringback_domain::{Disposition, KeptCall, Receipt, SecretId, Source, SourceId};
use ringback_store::ReceiptDetail;
use tokio_util::task::TaskTracker;

use crate::caller::Caller;
use crate::error::ApiError;
use crate::ingest;
use crate::parts::{App, Shared};

/// How many held calls are read, verified and taken in at a time.
const STEP: usize = 50;

/// Admits one refused call, as a person asks.
pub(super) async fn by_hand(app: &App, caller: &Caller, detail: &ReceiptDetail) -> Result<(), ApiError> {
    let config = app.store().config();
    let source =
        config.project(caller.project_id).and_then(|project| project.source(detail.receipt.source_id));
    let source = source.ok_or_else(|| not_admissible("its source was deleted"))?;
    let (call, secret_id) = admissible(source, detail).map_err(not_admissible)?;
    ingest::admit_refused(app, source, detail.receipt.id, secret_id, call).await.map(drop)
}

/// Verifies every call that a source holds against its secrets as they are now, at its own time of receipt,
/// and takes in those that are right. Runs to its end even when the caller goes away. Whatever fails stays
/// held, and can be admitted by hand.
pub(crate) async fn admit_held(app: &Shared, source: Arc<Source>) {
    let app = Arc::clone(app);
    // An error would be a panic in the task, which has been reported as such.
    let _ = app.side_lane.tasks().clone().spawn(async move { admit_all(&app, &source).await }).await;
}

async fn admit_all(app: &Shared, source: &Arc<Source>) {
    let mut after = None;
    loop {
        let held = match app.store().held_calls(source.id, after, STEP).await {
            Ok(held) => held,
            Err(error) => return log_failure(source.id, &error),
        };
        after = held.last().map(|detail| detail.receipt.id);
        let last_step = held.len() < STEP;
        // All of a step at once, so that they share a commit.
        let admissions = TaskTracker::new();
        for detail in held {
            admissions.spawn(admit_one(Arc::clone(app), Arc::clone(source), detail));
        }
        admissions.close();
        admissions.wait().await;
        if last_step {
            return;
        }
    }
}

async fn admit_one(app: Shared, source: Arc<Source>, detail: ReceiptDetail) {
    let Ok((call, secret_id)) = admissible(&source, &detail) else { return };
    if let Err(error) = ingest::admit_refused(&app, &source, detail.receipt.id, secret_id, call).await {
        tracing::debug!(receipt.id = %detail.receipt.id, error.code = error.code(), "a held call stays held");
    }
}

/// The call and the secret that signed it, or why it cannot be admitted.
fn admissible<'d>(
    source: &Source,
    detail: &'d ReceiptDetail,
) -> Result<(&'d KeptCall, SecretId), &'static str> {
    let ReceiptDetail { receipt, call } = detail;
    let call = call.as_ref().filter(|call| call.is_whole()).ok_or("it was too large to be kept whole")?;
    let secret_id = match receipt.disposition {
        Disposition::Held => verified_now(source, receipt, call),
        _ => receipt.secret_id,
    };
    Ok((call, secret_id.ok_or("its signature is not right for any of the source's secrets")?))
}

fn verified_now(source: &Source, receipt: &Receipt, call: &KeptCall) -> Option<SecretId> {
    ingest::signer_in_time(source, &ingest::read_headers(&call.headers), &call.body, receipt.received_at)
}

fn not_admissible(why: &'static str) -> ApiError {
    ApiError::bad_request("receipt_not_admissible", format!("this call cannot be admitted: {why}"))
}

fn log_failure(source_id: SourceId, error: &ringback_store::StoreError) {
    tracing::warn!(source.id = %source_id, error = error as &dyn std::error::Error, "held calls could not be read; they stay held");
}
