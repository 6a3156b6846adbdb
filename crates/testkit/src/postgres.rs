//! PostgreSQL servers for tests: one that a test process shares, with databases on it, and such as one test has to itself.

mod database;
mod own_server;
mod server;
mod small_disk;
mod standby;

pub use database::Database;
pub use own_server::OwnServer;
pub use server::{Server, apart, connect};
pub use small_disk::{Part, SmallDisk};
