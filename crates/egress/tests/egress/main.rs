//! The guarded client against real sockets on the loopback address, and hostile URLs against the policies.

mod answers;
mod attacks;
mod authorities;
mod connections;
mod document;
mod failures;
mod hostile;
mod names;
mod proxy;
mod proxy_names;
mod rebinding;
mod receiver;
mod spellings;
mod tls;
mod tunnelling;
mod urls;
