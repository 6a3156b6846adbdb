//! The integrations inside the real frameworks, over real sockets of this machine: one table of calls
//! ([`cases`]), asked of each of them ([`axum`], [`actix`], [`tower`]); what the clients sign ([`reqwest`]),
//! received by one; and the examples, run as programs ([`guide`]). Beside them, what the front page promises
//! ([`readme`]).

#![expect(clippy::unwrap_used, reason = "in a test, to panic is to fail")]

mod actix;
mod axum;
mod call;
mod cases;
mod guide;
mod readme;
mod reqwest;
mod server;
mod tower;
