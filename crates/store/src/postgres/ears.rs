//! What this node hears over its own connection: that the configuration has changed, and that endpoints have
//! due work.
//!
//! It also hears what it says itself, and leaves that aside. Not guaranteed: that everything is heard.

use std::sync::atomic::{AtomicI32, Ordering};

use ringback_domain::EndpointId;
use tokio::sync::Notify;
use tokio_postgres::Notification;

use super::notes::Notes;

/// Where a changed configuration is told of.
pub(super) const CONFIG_CHANNEL: &str = "ringback_config";
/// Where due work is told of: the endpoints' ids with blanks between, or nothing for any endpoint.
pub(super) const DUE_CHANNEL: &str = "ringback_due";

/// What was heard and not yet acted upon.
#[derive(Default)]
pub(super) struct Ears {
    /// Woken when the configuration has changed.
    pub(super) config: Notify,
    /// Endpoints with due work.
    pub(super) due: Notes,
    /// The server's process at the other end of the own connection.
    own_process: AtomicI32,
}

impl Ears {
    /// From now on the own connection is that of this process of the server.
    pub(super) fn know_own(&self, process: i32) {
        self.own_process.store(process, Ordering::Relaxed);
    }

    /// Something may have been missed.
    pub(super) fn suspect_all(&self) {
        self.config.notify_one();
        self.due.add_all();
    }

    pub(super) fn hear(&self, notification: &Notification) {
        if notification.process_id() == self.own_process.load(Ordering::Relaxed) {
            return;
        }
        match notification.channel() {
            CONFIG_CHANNEL => self.config.notify_one(),
            DUE_CHANNEL => self.hear_due(notification.payload()),
            _ => {}
        }
    }

    fn hear_due(&self, payload: &str) {
        // What is no id is a later version's way to say something: looking everywhere is never wrong.
        match payload.split_whitespace().map(str::parse).collect::<Result<Vec<EndpointId>, _>>() {
            Ok(endpoints) if !endpoints.is_empty() => self.due.add(endpoints),
            Ok(_) | Err(_) => self.due.add_all(),
        }
    }
}

/// What is said of these endpoints; of none, that there may be work anywhere.
pub(super) fn due_payload(endpoints: &[EndpointId]) -> String {
    endpoints.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
