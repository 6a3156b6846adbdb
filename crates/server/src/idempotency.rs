//! `Idempotency-Key`: a POST that is repeated under the same key is run once, and answered again.
//!
//! Goes around every route of the API. What is kept is the answer to what happened (2xx). Where it is known
//! that nothing happened, the repetition is run. Where nobody knows, because a crash came between or the
//! database was lost with the answer to its commit, the note of the request stays: what is harmless to run
//! twice ([`repeatable`]) is run again, and everything else is answered 409 from then on. Publishing is
//! harmless, because the `webhook_id` of what has none is made from a number that was drawn when the request
//! first came.
//!
//! Which requests are being run is known in memory ([`Underway`]) and not from the rows: a row may outlive
//! its request, when the database did not take its end.
//!
//! What is *not* guaranteed: that a repetition is run wherever nothing happened. When the database takes
//! neither the request nor the note that it came to nothing, this process alone knows of it; for any other it
//! is one of which nobody knows.

mod repeatable;
mod underway;

use std::fmt::Write as _;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use axum::body::Body;
use axum::extract::{FromRequestParts as _, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt as _;
use ringback_domain::ProjectId;
use ringback_domain::project::DEFAULT_PROJECT_NAME;
use ringback_store::idempotency::Nonce;
use ringback_store::{Beginning, Begun, IdempotencyKey, StoreError, StoredAnswer};
use zeroize::Zeroizing;

use self::repeatable::{PUBLISH, PUBLISH_BATCH, is_repeatable};
use self::underway::Run;
pub(crate) use self::underway::Underway;
use crate::body;
use crate::caller::{Admin, Caller};
use crate::error::ApiError;
use crate::fields::JsonBody;
use crate::json;
use crate::parts::{App, Shared};
use crate::publish::{self, Place};
use crate::random;
use crate::sha256::sha256;

/// The request's header.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says of an answer that it is that of an earlier request.
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// The longest key, in bytes.
const MAX_KEY_BYTES: usize = 255;
/// When to ask again for the answer to a request that is being run.
const RETRY_AFTER_SECS: u16 = 1;

/// What only the admin key may do.
const ORGANIZATION: &str = "/v1/organization/";

/// From what the ids of a publication under a key are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seed(Nonce);

impl Seed {
    /// The `webhook_id` of the event at `index`: the same whenever its request is repeated, or a random one
    /// without a key.
    pub(crate) fn webhook_id(seed: Option<&Self>, index: usize) -> String {
        let Some(Self(nonce)) = seed else { return random::id("wh_") };
        let mut context = Context::new(&SHA256);
        context.update(nonce);
        context.update(&index.to_be_bytes());
        let mut id = "wh_".to_owned();
        for byte in &context.finish().as_ref()[..16] {
            // Writing to a text never fails.
            let _ = write!(id, "{byte:02x}");
        }
        id
    }
}

/// Goes around the API.
pub(crate) async fn idempotency(State(app): State<Shared>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST || !request.headers().contains_key(IDEMPOTENCY_KEY) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    match once(&app, parts, body, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

/// On whose behalf: what the admin is answered is not for a project's key, even within one project.
async fn principal(parts: &mut Parts, app: &Shared) -> Result<(ProjectId, &'static str), ApiError> {
    if !parts.uri.path().starts_with(ORGANIZATION) {
        let caller = Caller::from_request_parts(parts, app).await?;
        return Ok((caller.project_id, if caller.is_admin { "admin" } else { "project" }));
    }
    let Admin = Admin::from_request_parts(parts, app).await?;
    let config = app.store().config();
    let default = config.projects().find(|project| project.project.name == DEFAULT_PROJECT_NAME);
    let default = default.ok_or_else(|| ApiError::internal(std::io::Error::other("no project `default`")))?;
    Ok((default.project.id, "admin"))
}

async fn once(app: &Shared, mut parts: Parts, body: Body, next: Next) -> Result<Response, ApiError> {
    let chosen = read_key(&parts.headers)?;
    let (project_id, who) = principal(&mut parts, app).await?;
    let path = parts.uri.path();
    let repeatable = parts.extensions.get::<MatchedPath>().is_some_and(|route| is_repeatable(route.as_str()));
    let key = IdempotencyKey { project_id, route: format!("{who} POST {path}"), key: chosen };
    let run = app.idempotent.begin(&key).ok_or_else(running)?;
    let (bytes, place) = read_body(app, project_id, path, body).await?;
    let beginning =
        Beginning { key, request_sha256: sha256(&bytes), repeatable, nonce: random::bytes(), now: app.now() };
    let (nonce, is_first) = match begin(app, beginning).await? {
        Begun::New { nonce } => (nonce, true),
        Begun::Running { nonce } if run.takes_void(nonce) => (nonce, true),
        // Of this process, and not being run: its end was not taken by the database, or is not known.
        Begun::Running { nonce } if repeatable => (nonce, false),
        Begun::RunningElsewhere => return Err(running()),
        Begun::Running { .. } | Begun::Interrupted => return Err(interrupted()),
        Begun::OtherRequest => return Err(other_request()),
        Begun::Done(answer) => return Ok(replayed(&answer)),
    };
    parts.extensions.insert(Seed(nonce));
    // The handler goes on with the place that the body has.
    if let Some(place) = place {
        parts.extensions.insert(place);
    }
    let request = Request::from_parts(parts, Body::from(bytes));
    run_to_its_end(app, Execution { run, nonce, repeatable, is_first }, request, next).await
}

/// Of a beginning whose commit was not answered, the second attempt shows whether it was committed.
async fn begin(app: &App, beginning: Beginning) -> Result<Begun, StoreError> {
    let drawn = beginning.nonce;
    let begun = match app.store().begin_idempotent(beginning.clone()).await {
        Err(StoreError::InDoubt(_)) => app.store().begin_idempotent(beginning).await?,
        outcome => outcome?,
    };
    Ok(match begun {
        Begun::Running { nonce } if nonce == drawn => Begun::New { nonce },
        begun => begun,
    })
}

/// A request that is being run.
struct Execution {
    run: Run,
    nonce: Nonce,
    repeatable: bool,
    /// Not the repetition of one that may have happened.
    is_first: bool,
}

/// Runs the request although its caller may go away, and keeps the answer.
async fn run_to_its_end(
    app: &Shared,
    execution: Execution,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let app = app.clone();
    let to_its_end = async move {
        let response = next.run(request).await;
        let kept = keep(&app, &execution, response).await;
        drop(execution);
        kept
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "bounded by the connections, and awaited here while the caller is there"
    )]
    let task = tokio::spawn(to_its_end);
    task.await.unwrap_or_else(|fault| Err(ApiError::internal(fault)))
}

async fn keep(app: &App, execution: &Execution, response: Response) -> Result<Response, ApiError> {
    let key = execution.run.key().clone();
    if !response.status().is_success() {
        if !execution.may_have_happened(&response)
            && let Err(error) = app.store().forget_idempotent(key).await
        {
            execution.run.note_void(execution.nonce);
            log_not_kept(&error);
        }
        return Ok(response);
    }
    let status_code = response.status().as_u16();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.map_err(ApiError::internal)?.to_bytes();
    let answer = StoredAnswer { status_code, body: Zeroizing::new(bytes.to_vec()) };
    app.store().complete_idempotent(key, answer).await.unwrap_or_else(|error| log_not_kept(&error));
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

impl Execution {
    /// Then the row stays, with its number.
    fn may_have_happened(&self, response: &Response) -> bool {
        // To leave the row of what is run again anyway costs nothing, least of all while the store is in
        // trouble.
        let is_left = self.repeatable && (response.status().is_server_error() || !self.is_first);
        let error = response.extensions().get::<ApiError>();
        // Without an error beside it, it is no answer of a handler's.
        is_left || error.map_or(response.status().is_server_error(), ApiError::leaves_doubt)
    }
}

fn read_key(headers: &HeaderMap) -> Result<String, ApiError> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let value = values.next().map(HeaderValue::as_bytes).unwrap_or_default();
    let fits =
        (1..=MAX_KEY_BYTES).contains(&value.len()) && value.iter().all(|byte| matches!(byte, 0x20..=0x7e));
    match std::str::from_utf8(value) {
        Ok(text) if fits && values.next().is_none() => Ok(text.to_owned()),
        _ => Err(ApiError::invalid_value(
            "Idempotency-Key",
            format!(
                "the header `Idempotency-Key` must be given once and hold 1 to {MAX_KEY_BYTES} printable ASCII characters"
            ),
        )),
    }
}

/// A publication's body takes a place; the others are small.
async fn read_body(
    app: &App,
    project_id: ProjectId,
    path: &str,
    body: Body,
) -> Result<(Bytes, Option<Arc<Place>>), ApiError> {
    let max_bytes = match path {
        PUBLISH => app.settings().max_body_bytes,
        PUBLISH_BATCH => app.settings().max_batch_bytes,
        _ => JsonBody::MAX_BYTES,
    };
    let place = match path {
        PUBLISH | PUBLISH_BATCH => Some(Arc::new(publish::reserve(app, project_id, &body, max_bytes)?)),
        _ => None,
    };
    Ok((body::read(body, max_bytes, app.settings().body_timeout).await?, place))
}

fn replayed(answer: &StoredAnswer) -> Response {
    let mut response = json::bytes(answer.body.to_vec());
    // What is stored was an answer of ours.
    *response.status_mut() = StatusCode::from_u16(answer.status_code).unwrap_or(StatusCode::OK);
    response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    response
}

fn running() -> ApiError {
    let message = "a request with this `Idempotency-Key` is being run; ask again shortly for its answer";
    ApiError::new(StatusCode::CONFLICT, "idempotency_key_in_use", message)
        .header(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECS))
}

fn interrupted() -> ApiError {
    let message = "a request with this `Idempotency-Key` was interrupted, and its answer is not known: look whether it \
                   happened, and use another key to do it again";
    ApiError::new(StatusCode::CONFLICT, "idempotency_interrupted", message).final_answer()
}

fn other_request() -> ApiError {
    let message =
        "this `Idempotency-Key` was used for a request with another body; use another key for this one";
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", message)
}

/// The request itself is answered: that its repetition will be run again, or be called interrupted, is the
/// operator's business.
fn log_not_kept(error: &StoreError) {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "an answer under an idempotency key was not kept"
    );
}
