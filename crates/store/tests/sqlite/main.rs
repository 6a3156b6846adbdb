//! The embedded backend held against the store's specification, and what is true of it alone.
#![expect(clippy::unwrap_used, reason = "in a test, to panic is to fail")]

mod backend;
mod chart;
#[path = "../conformance/mod.rs"]
mod conformance;
mod constraints;
mod folder;
mod migration;
mod queue;
mod secrecy;
mod status;

conformance::conformance!(crate::backend::DatabaseFolder::new());
