//! Fakes and worlds for tests. A dev-dependency only: nothing ships it.
//!
//! The actors:
//! - [`FakeClock`] is time turned by hand, so that three days of retries take no longer than the work in
//!   them;
//! - [`Receiver`] is a user's app: it answers as scripted, and remembers every call;
//! - [`OpenAi`] is the caller: it signs and posts as OpenAI does, over a connection that it keeps;
//! - [`World`] is everything between the two but the HTTP server, in this process: real database, real
//!   sockets, fake time;
//! - [`FaultyStore`] is a real store that fails by a switch, [`Faults`]; every world's deliverer works on
//!   one;
//! - [`Gateway`] is the whole real binary as a child process, to be killed and started again;
//! - [`Load`] is many callers at once, [`Ledger`] what became of their calls, [`Arrivals`] what of it reached
//!   a receiver;
//! - [`Cluster`] is several gateways on one database, [`SpreadLoad`] callers behind what stands before them;
//! - [`DatabaseLock`] is another program that has the gateway's database;
//! - [`postgres::Server`] is a PostgreSQL server that lives as long as the test process,
//!   [`postgres::Database`] one database there;
//! - [`postgres::OwnServer`] is a server that a test stops, freezes and sets up anew, [`postgres::Proxy`] a
//!   way to it that breaks.
//!
//! Nothing here waits without a bound: whatever takes longer than [`PATIENCE`] ends the test, saying what it
//! waited for. And nothing returns an error that a test would only unwrap: what goes wrong here is a failed
//! test, so it panics.
//!
//! Not guaranteed: that a port which was free stays free. A gateway that is started again wants its old port
//! back, and another process may have taken it meanwhile.

mod clock;
mod cluster;
mod database_lock;
mod faults;
mod faulty_store;
mod gateway;
mod http_line;
mod ledger;
mod load;
mod openai;
pub mod postgres;
mod receiver;
mod secret;
mod signal;
mod spread;
mod wait;
mod world;

pub use clock::{FakeClock, wall_clock_now};
pub use cluster::Cluster;
pub use database_lock::DatabaseLock;
pub use faults::{Faults, Op, unavailable};
pub use faulty_store::FaultyStore;
pub use gateway::{ADMIN_KEY, ENCRYPTION_KEY, Gateway, GatewayBuilder, NotStarted, Stopped};
pub use http_line::{Answer, HttpLine};
pub use ledger::{Arrivals, Ledger};
pub use load::{BodyOf, Load, send_again, small_body};
pub use openai::{OpenAi, USER_AGENT};
pub use receiver::{Call, Gate, Receiver, Reply};
pub use secret::secret;
pub use spread::{Acknowledged, SpreadLedger, SpreadLoad, SpreadPlan};
pub use wait::{PATIENCE, until, until_at_last, within};
pub use world::{START, World, WorldBuilder};
