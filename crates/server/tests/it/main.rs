//! The server as its clients meet it: over a real socket, with the real embedded store and the real
//! deliverer.
#![expect(clippy::unwrap_used, reason = "in a test, to panic is to fail")]

mod access;
mod api_keys;
mod client;
mod connections;
mod deliveries;
mod endpoint_extras;
mod endpoint_health;
mod endpoint_rules;
mod endpoint_secrets;
mod endpoint_tests;
mod endpoints;
mod event_types;
mod events;
mod health;
mod held;
mod hostile;
mod idempotency;
mod ingest;
mod ingest_order;
mod logs;
mod lost_answers;
mod parameters;
mod projects;
mod publish;
mod receipts;
mod redeliver;
mod replay_requests;
mod replays;
mod retention;
mod sources;
mod world;
mod worlds_apart;
