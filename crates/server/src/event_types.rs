//! `/v1/webhook_event_types`: the types that endpoints may name, apart from the rest of the catalogue and wildcards.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use ringback_webhook::{catalogue, event_type};
use serde::Serialize;
use url::form_urlencoded;

use crate::caller::Caller;
use crate::error::ApiError;
use crate::fields::{JsonBody, required, unknown_parameter};
use crate::json;
use crate::nearest::shown;
use crate::parts::Shared;

/// How many types that only this project has are listed.
const MAX_OWN: usize = 1000;

/// A list of bare names, as OpenAI answers it: no cursor, always whole.
#[derive(Serialize)]
struct Names {
    object: &'static str,
    data: Vec<String>,
}

/// What was registered.
#[derive(Serialize)]
struct Registered<'a> {
    object: &'static str,
    name: &'a str,
}

/// `GET /v1/webhook_event_types`: the 27 types of OpenAI's webhook-endpoint API, then those that this project has registered,
/// received or published besides.
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    if let Some((name, _)) = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).next() {
        return Err(unknown_parameter(&name, &[]));
    }
    let config = app.store().config();
    let registered = config.project(caller.project_id).map(|project| project.event_types().clone());
    let mut own = registered.unwrap_or_default();
    own.extend(app.store().seen_types(caller.project_id, MAX_OWN).await?);
    let data =
        catalogue::entries().iter().filter(|entry| entry.subscribable).map(|entry| entry.name.to_owned());
    let own = own.into_iter().filter(|name| catalogue::find(name).is_none()).take(MAX_OWN);
    Ok(json::answer(&Names { object: "list", data: data.chain(own).collect() }))
}

/// `POST /v1/webhook_event_types {name}`: endpoints may name it from now on. Again is no error.
pub(crate) async fn register(
    State(app): State<Shared>,
    caller: Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let fields = body.fields(&["name"])?;
    let name = required("name", fields.text("name", event_type::MAX_BYTES)?)?;
    if !event_type::is_well_formed(name) {
        let message = format!(
            "`{}` is no event type: that is words of letters, digits and underscores with full stops between, as in \
             `order.paid`",
            shown(name)
        );
        return Err(ApiError::invalid_value("name", message));
    }
    let name = event_type::canonical(name).to_owned();
    if catalogue::find(&name).is_none() {
        app.store().register_event_type(caller.project_id, name.clone(), app.now()).await?;
    }
    Ok(json::answer(&Registered { object: "webhook_event_type", name: &name }))
}
