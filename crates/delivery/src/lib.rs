//! Deliveries: from due rows to HTTP attempts to recorded outcomes.
//!
//! The actors:
//! - the [`Dispatcher`] turns an event into deliveries: it routes, appends everything in one transaction, and hands what was
//!   *born leased* over in memory;
//! - the [`Deliverer`] finds endpoints with due work, claims what it has free slots for, and lets each claim go its way:
//!   `sender` makes the attempt, [`ringback_domain::retry::decide`] says what follows, the store records both;
//! - the `reclaimer` frees rows whose lease ran out, the `pruner` removes what retention lets go.
//!
//! They meet only in rows. What is in memory (the agenda of due times, the slots) only saves look-ups: a node that loses it
//! finds everything again by its next scan. First attempt, retry, redelivery, replay and test take the same path.
//!
//! Not guaranteed: exactly one delivery. A lease only saves duplicate work; delivery is at-least-once, and `webhook-id` stays
//! the same over every attempt so that a receiver can tell.

mod agenda;
mod courier;
mod deliverer;
mod dispatch;
mod pruner;
mod reclaimer;
mod sender;
mod settings;
mod slots;
mod test_places;

pub use deliverer::{Deliverer, DelivererParts, JitterSource};
pub use dispatch::{Dispatcher, Entry, IncomingEvent, MAX_BATCH_DELIVERIES, TestError};
pub use settings::DeliverySettings;
