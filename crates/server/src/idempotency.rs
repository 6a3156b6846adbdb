//! `Idempotency-Key`: a POST that is repeated under the same key is run once, and answered again.
//!
//! Goes around every route of the API. What is kept is the answer to what happened (2xx) or can never happen (most of 4xx); an
//! answer that says "not now" is forgotten, so that the repetition is run. Publishing is safe to run twice, because the
//! `webhook_id` of what has none is made from the key; everything else that a crash interrupted is answered 409 from then on,
//! because nobody knows whether it happened.

use std::fmt::Write as _;

use aws_lc_rs::digest::{Context, SHA256};
use axum::body::Body;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt as _;
use ringback_store::{Beginning, Begun, IdempotencyKey, StoreError, StoredAnswer};
use zeroize::Zeroizing;

use crate::body;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::fields::JsonBody;
use crate::json;
use crate::parts::{App, Shared};
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

/// The routes that publish. Running one twice under one key makes nothing twice.
const PUBLISH: &str = "/v1/webhook_events";
const PUBLISH_BATCH: &str = "/v1/webhook_events/batch";

/// From what the ids of a publication under a key are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seed([u8; 32]);

impl Seed {
    /// The `webhook_id` of the event at `index`: the same whenever its request is repeated, or a random one without a key.
    pub(crate) fn webhook_id(seed: Option<&Self>, index: usize) -> String {
        let Some(Self(seed)) = seed else { return random::id("wh_") };
        let mut context = Context::new(&SHA256);
        context.update(seed);
        context.update(&index.to_be_bytes());
        let mut id = "wh_".to_owned();
        for byte in &context.finish().as_ref()[..16] {
            // Writing to a text never fails.
            let _ = write!(id, "{byte:02x}");
        }
        id
    }

    fn of(key: &IdempotencyKey) -> Self {
        let text = format!("{}\n{}\n{}", key.project_id, key.route, key.key);
        Self(sha256(text.as_bytes()))
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

async fn once(app: &Shared, mut parts: Parts, body: Body, next: Next) -> Result<Response, ApiError> {
    let chosen = read_key(&parts.headers)?;
    let caller = Caller::from_request_parts(&mut parts, app).await?;
    let path = parts.uri.path();
    let key = IdempotencyKey { project_id: caller.project_id, route: format!("POST {path}"), key: chosen };
    let (bytes, room) = read_body(app, path, body).await?;
    let beginning = Beginning {
        key: key.clone(),
        request_sha256: sha256(&bytes),
        repeatable: matches!(path, PUBLISH | PUBLISH_BATCH),
        now: app.now(),
    };
    match app.store().begin_idempotent(beginning).await? {
        Begun::New => {}
        Begun::Running => return Err(running()),
        Begun::Interrupted => return Err(interrupted()),
        Begun::OtherRequest => return Err(other_request()),
        Begun::Done(answer) => return Ok(replayed(&answer)),
    }
    parts.extensions.insert(Seed::of(&key));
    // The handler counts the body for itself.
    drop(room);
    let request = Request::from_parts(parts, Body::from(bytes));
    run(app, key, request, next).await
}

/// Runs the request to its end, although its caller may go away, and keeps the answer.
async fn run(app: &Shared, key: IdempotencyKey, request: Request, next: Next) -> Result<Response, ApiError> {
    let app = app.clone();
    let running = async move {
        let response = next.run(request).await;
        keep(&app, key, response).await
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "bounded by the connections, and awaited here while the caller is there"
    )]
    let task = tokio::spawn(running);
    task.await.unwrap_or_else(|fault| Err(ApiError::internal(fault)))
}

async fn keep(app: &App, key: IdempotencyKey, response: Response) -> Result<Response, ApiError> {
    let status = response.status();
    if !is_final(status) {
        app.store().forget_idempotent(key).await.unwrap_or_else(|error| log_not_kept(&error));
        return Ok(response);
    }
    let (parts, body) = match response.extensions().get::<ApiError>() {
        // Its text names no request, because it is not this side's fault.
        Some(error) => error.render("").into_parts(),
        None => response.into_parts(),
    };
    let bytes = body.collect().await.map_err(ApiError::internal)?.to_bytes();
    let answer = StoredAnswer { status_code: status.as_u16(), body: Zeroizing::new(bytes.to_vec()) };
    app.store().complete_idempotent(key, answer).await.unwrap_or_else(|error| log_not_kept(&error));
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

/// Whether the same request would be answered the same for ever.
fn is_final(status: StatusCode) -> bool {
    let not_now = [
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::CONFLICT,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    status.is_success() || status.is_client_error() && !not_now.contains(&status)
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

async fn read_body(
    app: &App,
    path: &str,
    body: Body,
) -> Result<(Bytes, tokio::sync::OwnedSemaphorePermit), ApiError> {
    let max_bytes = match path {
        PUBLISH => app.settings().max_body_bytes,
        PUBLISH_BATCH => app.settings().max_batch_bytes,
        _ => JsonBody::MAX_BYTES,
    };
    body::check_announced(&body, max_bytes)?;
    let room = app.ingest_room.reserve(&body, max_bytes)?;
    Ok((body::read(body, max_bytes, app.settings().body_timeout).await?, room))
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

/// The request itself is answered: that its repetition will be run again, or be called interrupted, is the operator's business.
fn log_not_kept(error: &StoreError) {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "an answer under an idempotency key was not kept"
    );
}
