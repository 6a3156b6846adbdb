//! `POST /v1/webhook_replays`: makes a replay, or says how much it would come to.

use axum::extract::State;
use axum::response::Response;
use ringback_domain::replay::{DEFAULT_RATE, MAX_RATE};
use ringback_domain::{EndpointKey, ReplayQuery, SignatureScheme, Timestamp};
use ringback_store::{DeliveryCounts, NewReplay, ReplayTarget};

use super::query;
use super::view::{PreviewView, ReplayView};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::fields::{Fields, JsonBody};
use crate::parts::{App, Shared};
use crate::{endpoints, guarded_url, json};

/// What a replay goes by, beside its query.
const FIELDS: [&str; 3] = ["target_url", "rate", "dry_run"];

/// `{endpoint_id?, source_id?, type?, object_id?, state?, created_after?, created_before?, target_url?,
/// rate?, dry_run?}`. With a `target_url` the answer shows the secret that its calls are signed with, this
/// once.
pub(crate) async fn create(
    State(app): State<Shared>,
    caller: Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    if body.is_empty() {
        return Err(nothing_asked());
    }
    let fields = body.fields(&[&query::FIELDS[..], &FIELDS].concat())?;
    let query = query::read(&fields)?;
    let target_url = guarded_url::read(&app, &fields, "target_url")?;
    let rate = fields.integer("rate", 1..=MAX_RATE)?.unwrap_or(DEFAULT_RATE);
    let is_dry_run = read_dry_run(&fields)?;
    query::check_names(&app, &caller, &query, target_url.is_some())?;
    if is_dry_run {
        return preview(&app, &caller, query, target_url.is_some()).await;
    }
    let now = app.now();
    let target = target_url.map(|url| target(&app, url, now));
    let key = target.as_ref().map(|target| target.secret.1.clone());
    let replay = NewReplay { id: app.new_id(now), project_id: caller.project_id, query, target, rate, now };
    let replay = app.store().create_replay(replay).await?;
    app.parts.dispatcher.note_replay();
    // It has made nothing yet.
    let view = ReplayView::of(&replay).with_counts(DeliveryCounts::default());
    Ok(json::answer(&view.with_secret(key.as_ref())))
}

/// Everything is sent again only by whoever says so.
fn nothing_asked() -> ApiError {
    let message =
        "the body is empty: say what is to be sent again, as in {\"state\": \"dead\"}; `{}` is every event";
    ApiError::bad_request("empty_body", message)
}

/// Here `null` is not the same as leaving it out: whoever had no value for it may not have meant it in
/// earnest.
fn read_dry_run(fields: &Fields) -> Result<bool, ApiError> {
    const FIELD: &str = "dry_run";
    match fields.or_null(FIELD, Fields::boolean)? {
        Some(None) => {
            Err(ApiError::bad_request("invalid_type", "`dry_run` must be true or false").param(FIELD))
        }
        Some(Some(is_dry_run)) => Ok(is_dry_run),
        None => Ok(false),
    }
}

async fn preview(
    app: &App,
    caller: &Caller,
    query: ReplayQuery,
    to_target: bool,
) -> Result<Response, ApiError> {
    let preview = app.store().preview_replay(caller.project_id, query, to_target).await?;
    Ok(json::answer(&PreviewView::of(preview)))
}

/// Signed as an endpoint's calls are by default, with a secret of this replay alone.
fn target(app: &App, url: String, now: Timestamp) -> ReplayTarget {
    let key: EndpointKey = endpoints::new_key(SignatureScheme::default());
    ReplayTarget { url, endpoint_id: app.new_id(now), secret: (app.new_id(now), key) }
}
