//! PostgreSQL servers for tests: one that a test process shares, with databases on it, and such as one test
//! has to itself; and what cuts the way to them.

mod authority;
mod database;
mod own_server;
mod proxy;
mod server;
mod small_disk;
mod standby;

pub use authority::Authority;
pub use database::Database;
pub use own_server::OwnServer;
pub use proxy::{Mode, Proxy};
pub use server::{Server, apart, connect};
pub use small_disk::{Part, SmallDisk};
