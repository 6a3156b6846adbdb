//! A PostgreSQL server for tests, and databases on it.

mod database;
mod own;
mod server;

pub use database::Database;
pub use own::{OwnServer, Stop};
pub use server::{Server, apart, connect};
