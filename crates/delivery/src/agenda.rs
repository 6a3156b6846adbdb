//! When to look at which endpoint next: a memory that only saves look-ups.
//!
//! An entry may be early (there is nothing due any more) and may be missing (another node appended): the
//! claim asks the rows, and the scan finds what is missing.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use ringback_domain::{EndpointId, Timestamp};

/// The earliest known due time of each endpoint.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    by_endpoint: HashMap<EndpointId, Timestamp>,
    by_time: BTreeSet<(Timestamp, EndpointId)>,
}

impl Agenda {
    /// Notes that an endpoint has work due at `at`. Returns whether that is now the earliest entry of all.
    pub(crate) fn note(&mut self, endpoint_id: EndpointId, at: Timestamp) -> bool {
        match self.by_endpoint.entry(endpoint_id) {
            Entry::Occupied(entry) if *entry.get() <= at => return false,
            Entry::Occupied(mut entry) => {
                self.by_time.remove(&(*entry.get(), endpoint_id));
                entry.insert(at);
            }
            Entry::Vacant(entry) => {
                entry.insert(at);
            }
        }
        self.by_time.insert((at, endpoint_id));
        self.by_time.first() == Some(&(at, endpoint_id))
    }

    /// When the earliest entry is due.
    pub(crate) fn next_at(&self) -> Option<Timestamp> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes out every endpoint that is due at `now`, earliest first.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Vec<EndpointId> {
        let mut due = Vec::new();
        while let Some((at, endpoint_id)) = self.by_time.first().copied() {
            if at > now {
                break;
            }
            self.by_time.remove(&(at, endpoint_id));
            self.by_endpoint.remove(&endpoint_id);
            due.push(endpoint_id);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringback_domain::IdMaker;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    #[test]
    fn keeps_the_earliest_time_of_each_endpoint() {
        let ids = IdMaker::new(1);
        let (a, b): (EndpointId, EndpointId) = (ids.next(at(1)), ids.next(at(1)));
        let mut agenda = Agenda::default();
        assert!(agenda.note(a, at(30)));
        assert!(!agenda.note(b, at(40)));
        assert!(!agenda.note(a, at(50)), "later than what is known");
        assert!(agenda.note(b, at(20)), "earlier than all");
        assert_eq!(agenda.next_at(), Some(at(20)));
        assert_eq!(agenda.take_due(at(19)), []);
        assert_eq!(agenda.take_due(at(35)), [b, a]);
        assert_eq!(agenda.next_at(), None);
        assert!(agenda.note(a, at(50)), "taken entries are forgotten");
    }
}
