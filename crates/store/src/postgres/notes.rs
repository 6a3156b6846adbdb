//! Endpoints that somebody is to be told of; what comes while nobody asks is told together.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ringback_domain::EndpointId;
use tokio::sync::Notify;

/// How many endpoints are remembered one by one. They fit into one notification, whose 8,000 bytes hold some
/// 250 ids.
pub(super) const MAX_NOTED: usize = 200;

/// What is noted, and who waits for it.
#[derive(Default)]
pub(super) struct Notes {
    noted: Mutex<Noted>,
    bell: Notify,
}

#[derive(Default)]
struct Noted {
    endpoints: HashSet<EndpointId>,
    /// Too many to be named, or nobody knows which.
    everywhere: bool,
}

impl Notes {
    /// Notes endpoints that have due work.
    pub(super) fn add(&self, endpoints: impl IntoIterator<Item = EndpointId>) {
        let mut noted = self.lock();
        for endpoint in endpoints {
            if noted.endpoints.len() < MAX_NOTED {
                noted.endpoints.insert(endpoint);
            } else {
                noted.everywhere |= !noted.endpoints.contains(&endpoint);
            }
        }
        if noted.everywhere || !noted.endpoints.is_empty() {
            drop(noted);
            self.bell.notify_one();
        }
    }

    /// Notes that anybody may have due work.
    pub(super) fn add_all(&self) {
        self.lock().everywhere = true;
        self.bell.notify_one();
    }

    /// Waits until there is something, and takes it; empty stands for all endpoints. Nothing is lost when
    /// this is dropped.
    pub(super) async fn take(&self) -> Vec<EndpointId> {
        loop {
            if let Some(taken) = self.try_take() {
                return taken;
            }
            self.bell.notified().await;
        }
    }

    fn try_take(&self) -> Option<Vec<EndpointId>> {
        let noted = std::mem::take(&mut *self.lock());
        match (noted.everywhere, noted.endpoints.is_empty()) {
            (true, _) => Some(Vec::new()),
            (false, true) => None,
            (false, false) => Some(noted.endpoints.into_iter().collect()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        // Every change under the lock is complete before anything can panic.
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringback_domain::TypedId;

    fn ids(count: usize) -> Vec<EndpointId> {
        let bytes = |n: usize| (n as u128).to_be_bytes();
        (0..count).map(|n| EndpointId::from_bytes(bytes(n))).collect()
    }

    #[tokio::test]
    async fn what_comes_meanwhile_is_told_once_and_too_many_are_all() {
        let notes = Notes::default();
        notes.add(ids(0));
        assert!(notes.try_take().is_none(), "nothing is nothing, and not everything");
        notes.add(ids(2));
        notes.add(ids(3));
        assert_eq!(notes.take().await.len(), 3);
        assert!(notes.try_take().is_none());
        notes.add(ids(MAX_NOTED));
        notes.add(ids(MAX_NOTED));
        assert_eq!(notes.take().await.len(), MAX_NOTED);
        notes.add(ids(MAX_NOTED + 1));
        assert_eq!(notes.take().await, [], "everywhere");
        notes.add_all();
        assert_eq!(notes.take().await, []);
    }
}
