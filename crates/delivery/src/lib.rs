//! Deliveries: from due rows to HTTP attempts to recorded outcomes.
//!
//! The actors:
//! - the [`Dispatcher`] turns an event into deliveries: it routes, appends everything in one transaction, and
//!   hands what was *born leased* over in memory;
//! - the [`Deliverer`] finds endpoints with due work, claims what it has free slots for, and lets each claim
//!   go its way: `sender` makes the attempt, [`ringback_domain::retry::decide`] says what follows, the store
//!   records both;
//! - between the two stand the `gates` (circuit breaker, rate, release of what was held) and the `slots` (how
//!   many attempts at once, shared out fairly between endpoints and projects): who is held back is told when
//!   to ask again;
//! - the `replayer` makes the deliveries of replays at their rate;
//! - the `reclaimer` frees rows whose lease ran out and ends what is too old, the `pruner` removes what
//!   retention lets go and gives up what the operator's hard limit does not keep;
//! - the `listener` hears from other nodes on the same database of due work, where there are any.
//!
//! They meet only in rows. What is in memory (the agenda of due times, the slots, the gates) only saves
//! look-ups: a node that loses it finds everything again by its next scan. First attempt, retry, redelivery,
//! replay and test take the same path.
//!
//! Not guaranteed: exactly one delivery. A lease only saves duplicate work; delivery is at-least-once, and
//! `webhook-id` stays the same over every attempt so that a receiver can tell.

mod advice;
mod agenda;
mod breaker;
mod courier;
mod deliverer;
mod dispatch;
mod failures;
mod gates;
mod listener;
mod pace;
mod pruner;
mod reclaimer;
mod replayer;
mod sender;
mod settings;
mod slots;
mod test_places;
mod unrecorded;

pub use breaker::{BreakerState, BreakerView};
pub use deliverer::{Deliverer, DelivererParts, JitterSource};
pub use dispatch::{Dispatcher, Entry, IncomingEvent, TestError};
pub use settings::{DeliverySettings, MIN_DEDUPE_RETENTION, MIN_PENDING_RETENTION};
