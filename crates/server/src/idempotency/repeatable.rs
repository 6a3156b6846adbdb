//! Which requests may be run a second time under their `Idempotency-Key`, when nobody knows whether the first
//! did anything.

/// Publishes an event.
pub(super) const PUBLISH: &str = "/v1/webhook_events";
/// Publishes many.
pub(super) const PUBLISH_BATCH: &str = "/v1/webhook_events/batch";

/// The routes, as the router has them. A second run of a publication meets the first by its ids; the others
/// say how something is to be, or end it, and find it so. Whatever makes something new each time, a secret or
/// a call to an app included, is not among them.
const REPEATABLE: [&str; 10] = [
    PUBLISH,
    PUBLISH_BATCH,
    "/v1/webhook_sources/{whsrc}",
    "/v1/webhook_endpoints/{whe}",
    "/v1/webhook_event_types",
    "/v1/webhook_receipts/{whrcp}/admit",
    "/v1/webhook_deliveries/{whd}/cancel",
    "/v1/webhook_replays/{whrp}/cancel",
    "/v1/organization/projects/{proj}",
    "/v1/organization/projects/{proj}/archive",
];

/// Whether the POST of this route is one of them.
pub(super) fn is_repeatable(route: &str) -> bool {
    REPEATABLE.contains(&route)
}
