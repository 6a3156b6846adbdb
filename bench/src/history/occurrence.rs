//! One event of the history with everything that was done for it, as its rows will say.

use aws_lc_rs::digest::{SHA256, digest};
use ringback_domain::{AttemptId, DeliveryId, EventId, IdMaker, ReceiptId, Timestamp, TypedId};

use super::Extent;
use super::owners::Owner;

/// How long the history is.
pub(super) const SPAN_MS: i64 = 30 * 24 * 3_600_000;
/// How many types the events are of.
const TYPES: u64 = 50;
/// How many events there are for each object, on average.
const EVENTS_PER_OBJECT: u64 = 5;
/// The length of a body.
const PAYLOAD_BYTES: usize = 300;
/// How long an attempt took.
pub(super) const ATTEMPT_MS: i64 = 12;

/// An event, its receipt, its delivery and the attempt of that.
#[derive(Debug)]
pub(crate) struct Occurrence {
    pub(crate) owner: Owner,
    pub(crate) event: [u8; 16],
    pub(crate) receipt: [u8; 16],
    pub(crate) delivery: [u8; 16],
    pub(crate) attempt: [u8; 16],
    pub(crate) event_type: String,
    pub(crate) webhook_id: String,
    pub(crate) upstream_event_id: String,
    pub(crate) object_id: String,
    /// Unix milliseconds.
    pub(crate) created_at: i64,
    pub(crate) payload: Vec<u8>,
    pub(crate) payload_sha256: Vec<u8>,
    /// Whether its delivery waits for its first attempt; else it was delivered at once.
    pub(crate) is_pending: bool,
}

/// All of them, oldest first, evenly spread over the span.
pub(crate) struct Occurrences {
    extent: Extent,
    owners: Vec<Owner>,
    ids: IdMaker,
    begun_at: i64,
    next: u64,
}

impl Occurrences {
    /// A history that ends at `now`, in Unix milliseconds.
    pub(crate) fn new(extent: Extent, owners: Vec<Owner>, now: i64) -> Self {
        let ids = IdMaker::new(scatter(extent.seed, u64::MAX));
        Self { extent, owners, ids, begun_at: now - SPAN_MS, next: 0 }
    }

    /// One that begins now and has no end, in which every delivery waits.
    pub(crate) fn endless(seed: u64, owners: Vec<Owner>, now: i64) -> Self {
        Self::new(Extent { events: u64::MAX, pending: u64::MAX, seed }, owners, now + SPAN_MS)
    }

    /// When the first of them happened, in Unix milliseconds.
    pub(super) fn begun_at(&self) -> i64 {
        self.begun_at
    }

    fn at(&self, index: u64) -> Occurrence {
        let Extent { events, pending, seed } = self.extent;
        let drawn = scatter(seed, index);
        let object = drawn % (events / EVENTS_PER_OBJECT).max(1);
        let place = usize::try_from(object).unwrap_or(0) % self.owners.len();
        let event_type = format!("seeded.kind_{:02}", (drawn >> 40) % TYPES);
        let created_at = self.begun_at + share(SPAN_MS.unsigned_abs(), index, events);
        let now = Timestamp::from_unix_ms(created_at);
        let (upstream_event_id, object_id) = (format!("evt_{drawn:016x}"), format!("obj_{object:08x}"));
        let payload = payload(&upstream_event_id, &event_type, &object_id, created_at);
        Occurrence {
            owner: self.owners[place],
            receipt: self.ids.next::<ReceiptId>(now).to_bytes(),
            event: self.ids.next::<EventId>(now).to_bytes(),
            delivery: self.ids.next::<DeliveryId>(now).to_bytes(),
            attempt: self.ids.next::<AttemptId>(now).to_bytes(),
            event_type,
            // As senders draw them: neighbours in time are no neighbours in the index.
            webhook_id: format!("wh_{drawn:016x}{index:08x}"),
            upstream_event_id,
            object_id,
            created_at,
            payload_sha256: digest(&SHA256, &payload).as_ref().to_vec(),
            payload,
            // The newest ones, as when a receiver has been away for a while.
            is_pending: index >= events.saturating_sub(pending),
        }
    }
}

impl Iterator for Occurrences {
    type Item = Occurrence;

    fn next(&mut self) -> Option<Occurrence> {
        (self.next < self.extent.events).then(|| {
            let occurrence = self.at(self.next);
            self.next += 1;
            occurrence
        })
    }
}

/// `whole * part / parts`, without overflow.
fn share(whole: u64, part: u64, parts: u64) -> i64 {
    let share = u128::from(whole) * u128::from(part) / u128::from(parts.max(1));
    i64::try_from(share).unwrap_or(i64::MAX)
}

/// A number that looks like any other (splitmix64, of a counter).
fn scatter(seed: u64, index: u64) -> u64 {
    let mut z = seed.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn payload(upstream_id: &str, event_type: &str, object_id: &str, created_at: i64) -> Vec<u8> {
    let secs = created_at.div_euclid(1000);
    let head = format!(
        r#"{{"object":"event","id":"{upstream_id}","type":"{event_type}","created_at":{secs},"data":{{"id":"{object_id}","note":""#
    );
    let end = r#""}}"#;
    let note = PAYLOAD_BYTES.saturating_sub(head.len() + end.len());
    [head.as_bytes(), &vec![b'.'; note], end.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use ringback_webhook::EnvelopeHead;

    use super::*;

    fn all(events: u64, pending: u64, seed: u64) -> Vec<Occurrence> {
        let owner = |n| Owner { project: [n; 16], source: [n; 16], secret: [n; 16], endpoint: [n; 16] };
        let owners = vec![owner(1), owner(2), owner(3)];
        Occurrences::new(Extent { events, pending, seed }, owners, SPAN_MS + 7).collect()
    }

    #[test]
    fn a_history_is_spread_over_its_span_and_its_owners() {
        let all = all(1000, 30, 1);
        assert_eq!((all.len(), all.iter().filter(|o| o.is_pending).count()), (1000, 30));
        assert!(all.is_sorted_by(|a, b| a.created_at < b.created_at && a.event < b.event));
        assert!(all[970..].iter().all(|o| o.is_pending));
        assert_eq!(all[0].created_at, 7);
        assert!(all[999].created_at > SPAN_MS * 99 / 100);
        let distinct = |of: fn(&Occurrence) -> String| all.iter().map(of).collect::<HashSet<_>>().len();
        assert_eq!(distinct(|o| o.webhook_id.clone()), 1000);
        assert_eq!(distinct(|o| o.event_type.clone()), 50);
        assert!((150..=200).contains(&distinct(|o| o.object_id.clone())));
        assert_eq!(distinct(|o| format!("{:?}", o.owner.project)), 3);
        let of_one = |o: &Occurrence| (o.object_id.clone(), o.owner.project);
        assert_eq!(all.iter().map(of_one).collect::<HashSet<_>>().len(), distinct(|o| o.object_id.clone()));
    }

    #[test]
    fn every_body_is_an_event_of_the_wanted_length() {
        for occurrence in all(10, 0, 1) {
            let head = EnvelopeHead::parse(&occurrence.payload).unwrap();
            assert_eq!(head.event_type, occurrence.event_type);
            assert_eq!(head.object_id.as_deref(), Some(occurrence.object_id.as_str()));
            assert_eq!(occurrence.payload.len(), PAYLOAD_BYTES);
        }
    }

    #[test]
    fn a_seed_gives_the_same_events_and_another_gives_others() {
        let ids = |seed| all(5, 1, seed).into_iter().map(|o| (o.webhook_id, o.event)).collect::<Vec<_>>();
        assert_eq!(ids(1), ids(1));
        assert!(ids(1).iter().zip(ids(2)).all(|(one, other)| one.0 != other.0 && one.1 != other.1));
    }

    #[test]
    fn as_many_wait_as_are_asked_for() {
        for (events, pending) in [(7, 0), (7, 7), (7, 3), (1000, 999)] {
            let waiting = all(events, pending, 1).iter().filter(|o| o.is_pending).count();
            assert_eq!(waiting as u64, pending);
        }
    }
}
