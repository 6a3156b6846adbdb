//! The server as its clients meet it: over a real socket, with the real embedded store and the real deliverer.

mod access;
mod client;
mod connections;
mod endpoints;
mod events;
mod health;
mod ingest;
mod ingest_order;
mod sources;
mod world;
