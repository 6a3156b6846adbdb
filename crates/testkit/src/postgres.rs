//! A PostgreSQL server for tests, and databases on it.

mod database;
mod server;

pub use database::Database;
pub use server::{Server, apart, connect};
