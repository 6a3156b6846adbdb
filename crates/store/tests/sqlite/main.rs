//! The embedded backend held against the store's specification, and what is true of it alone.

mod backend;
#[path = "../conformance/mod.rs"]
mod conformance;
mod constraints;
mod folder;
mod queue;
mod secrecy;

conformance::conformance!(crate::backend::DatabaseFolder::new());
