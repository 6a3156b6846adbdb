//! The guarded client against real sockets on the loopback address, and hostile URLs against the policies.

mod answers;
mod connections;
mod failures;
mod names;
mod receiver;
mod spellings;
mod tls;
mod urls;
