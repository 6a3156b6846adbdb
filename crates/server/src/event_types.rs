//! `GET /v1/webhook_event_types`: what OpenAI's endpoints can subscribe to.

use axum::response::Response;
use ringback_webhook::catalogue;
use serde::Serialize;

use crate::caller::Caller;
use crate::json;

/// A list of bare names, as OpenAI answers it: no cursor, always whole.
#[derive(Serialize)]
struct Names {
    object: &'static str,
    data: Vec<&'static str>,
}

/// The 27 types of OpenAI's webhook-endpoint API. An endpoint may name more; see [`crate::endpoints`].
pub(crate) async fn list(_caller: Caller) -> Response {
    let data = catalogue::entries().iter().filter(|entry| entry.subscribable).map(|entry| entry.name);
    json::answer(&Names { object: "list", data: data.collect() })
}
