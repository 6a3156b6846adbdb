//! What publishing is answered with.

use ringback_domain::{Disposition, EventId};
use ringback_store::Appended;
use serde::Serialize;

use crate::json::Text;

/// The answer to one event.
#[derive(Serialize)]
pub(super) struct PublishedView<'a> {
    id: Text<EventId>,
    object: &'static str,
    r#type: &'a str,
    webhook_id: &'a str,
    /// Whether it was published before, and `id` is that of then.
    duplicate: bool,
}

/// The answer to a batch.
#[derive(Serialize)]
pub(super) struct BatchView<'a> {
    object: &'static str,
    /// In the order of the request.
    data: Vec<ItemView<'a>>,
}

#[derive(Serialize)]
struct ItemView<'a> {
    id: Text<EventId>,
    webhook_id: &'a str,
    duplicate: bool,
}

impl<'a> PublishedView<'a> {
    pub(super) fn of(appended: &Appended, event_type: &'a str, webhook_id: &'a str) -> Self {
        Self {
            id: Text(appended.event_id),
            object: "webhook_event",
            r#type: event_type,
            webhook_id,
            duplicate: is_duplicate(appended),
        }
    }
}

impl<'a> BatchView<'a> {
    pub(super) fn of(appended: &[Appended], webhook_ids: &'a [String]) -> Self {
        let item = |(appended, webhook_id): (&Appended, &'a String)| ItemView {
            id: Text(appended.event_id),
            webhook_id,
            duplicate: is_duplicate(appended),
        };
        Self { object: "list", data: appended.iter().zip(webhook_ids).map(item).collect() }
    }
}

fn is_duplicate(appended: &Appended) -> bool {
    appended.disposition != Disposition::Accepted
}
