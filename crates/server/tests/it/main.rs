//! The server as its clients meet it: over a real socket, with the real embedded store and the real deliverer.
#![expect(clippy::unwrap_used, reason = "in a test, to panic is to fail")]

mod access;
mod client;
mod connections;
mod endpoints;
mod events;
mod health;
mod hostile;
mod ingest;
mod ingest_order;
mod logs;
mod receipts;
mod sources;
mod world;
