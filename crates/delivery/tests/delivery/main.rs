//! Delivery end to end but for the HTTP server: a real database, real sockets, and time that the tests turn.
//!
//! What is awaited is always the thing itself, a call at the receiver or a row in the store, never a span of time.

mod abandoned;
mod attempt;
mod drain;
mod endpoints;
mod outcomes;
mod restart;
mod retention;
mod schedule;
mod slots;

use ringback_domain::Attempt;
use ringback_store::{DeliveryDetail, EventDetail};

/// The only delivery of an event.
fn only(detail: &EventDetail) -> &DeliveryDetail {
    let [only] = detail.deliveries.as_slice() else {
        panic!("one delivery was expected, not {}", detail.deliveries.len())
    };
    only
}

/// The only attempt of the only delivery of an event.
fn only_attempt(detail: &EventDetail) -> &Attempt {
    let [only] = only(detail).attempts.as_slice() else {
        panic!("one attempt was expected, not {}", only(detail).attempts.len())
    };
    only
}
