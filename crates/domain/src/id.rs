//! Ids: a prefix that names the noun, then a time-ordered part (a ULID in lower case).
//!
//! Ids of one node are strictly increasing, also when the machine's clock steps back a little. When it is set
//! back by more than [`MAX_AHEAD`] they follow it: an id says when a row was made, databases divide their
//! tables by that, and a clock that was once far ahead must not leave a node without a place for its rows.
//! Over nodes they are unique but only roughly in order of time, and what has the lower id may be committed
//! later. Who walks by id and must skip nothing walks what had been committed at one moment, as a replay
//! does.

use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;
use std::time::Duration;

use ulid::Ulid;

use crate::Timestamp;

/// An id with a fixed prefix. Implemented by the id types of this module only.
pub trait TypedId: Copy {
    /// What stands before the underscore, e.g. `whev`.
    const PREFIX: &'static str;
    /// The noun, for messages.
    const NOUN: &'static str;

    /// From the 16 bytes that a database keeps.
    fn from_bytes(bytes: [u8; 16]) -> Self;
    /// The 16 bytes that a database keeps; their order is the ids' order.
    fn to_bytes(self) -> [u8; 16];

    /// The least id that can have been made at `now`: everything below it is older. Ids made while the
    /// machine's clock stood back a little count as made when it had last stood forward.
    #[must_use]
    fn first_at(now: Timestamp) -> Self {
        Self::from_bytes((u128::from(id_ms(now)) << 80).to_be_bytes())
    }
}

/// A text that is not an id of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("ids of this kind are `{prefix}_` and 26 characters")]
pub struct ParseIdError {
    /// The noun that was wanted.
    pub noun: &'static str,
    /// The prefix of that noun's ids.
    pub prefix: &'static str,
}

macro_rules! id_types {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal, $noun:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl TypedId for $name {
            const PREFIX: &'static str = $prefix;
            const NOUN: &'static str = $noun;

            fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Ulid::from_bytes(bytes))
            }

            fn to_bytes(self) -> [u8; 16] {
                self.0.to_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_id(f, Self::PREFIX, self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_id(f, Self::PREFIX, self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse_id(text, Self::PREFIX)
                    .map(Self)
                    .ok_or(ParseIdError { noun: Self::NOUN, prefix: Self::PREFIX })
            }
        }
    )+};
}

id_types! {
    /// A tenant's id.
    ProjectId = "proj", "project";
    /// A source's id.
    SourceId = "whsrc", "webhook source";
    /// An inbound call's id.
    ReceiptId = "whrcp", "webhook receipt";
    /// An event's id; not the `evt_…` that OpenAI puts into the body.
    EventId = "whev", "webhook event";
    /// An endpoint's id, as OpenAI's.
    EndpointId = "whe", "webhook endpoint";
    /// A delivery's id.
    DeliveryId = "whd", "webhook delivery";
    /// An attempt's id.
    AttemptId = "wha", "webhook attempt";
    /// A replay's id.
    ReplayId = "whrp", "webhook replay";
    /// A signing secret's id; names a secret without showing it.
    SecretId = "whkey", "signing secret";
    /// An API key's id; not the key.
    ApiKeyId = "key", "API key";
}

fn write_id(f: &mut fmt::Formatter<'_>, prefix: &str, ulid: Ulid) -> fmt::Result {
    let mut buffer = [0; ulid::ULID_LEN];
    let text = ulid.array_to_str(&mut buffer);
    text.make_ascii_lowercase();
    write!(f, "{prefix}_{text}")
}

/// Strict: one spelling per id, so that ids can be compared as text.
fn parse_id(text: &str, prefix: &str) -> Option<Ulid> {
    let part = text.strip_prefix(prefix)?.strip_prefix('_')?;
    let one_spelling = part.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
    let ulid = Ulid::from_string(part).ok().filter(|_| one_spelling)?;
    // Base32 reads `o` as `0` and `i`, `l` as `1`; only the canonical spelling is an id.
    let mut buffer = [0; ulid::ULID_LEN];
    ulid.array_to_str(&mut buffer).eq_ignore_ascii_case(part).then_some(ulid)
}

/// How far ahead of the clock ids may be, so as not to go back. Adjustments of a clock are less than that.
pub const MAX_AHEAD: Duration = Duration::from_secs(60);

/// Makes ids that are unique, and strictly increase within this process unless its clock is set back by more
/// than [`MAX_AHEAD`].
///
/// Layout of the 128 bits: 48 bits of milliseconds, 24 bits of a counter within the millisecond, 56 bits
/// drawn once per process. Two processes collide only if they drew the same 56 bits and made ids in the same
/// millisecond. A process that follows its clock back comes to milliseconds that it had before: from then on
/// it uses other 56 bits, which it has never used.
#[derive(Debug)]
pub struct IdMaker {
    last: Mutex<Tick>,
}

#[derive(Debug, Clone, Copy)]
struct Tick {
    ms: u64,
    counter: u32,
    node: u64,
}

const MS_MASK: u64 = (1 << 48) - 1;
const COUNTER_MAX: u32 = (1 << 24) - 1;
const NODE_MASK: u64 = (1 << 56) - 1;
/// What is added to the 56 bits when the clock is followed back: odd, so that all others come before the
/// first comes again, and without pattern, so that they are no other process's neighbours.
const NEXT_NODE: u64 = 0x9e37_79b9_7f4a_7c15;

/// The time as an id holds it; times before 1970 count as 1970.
fn id_ms(now: Timestamp) -> u64 {
    u64::try_from(now.as_unix_ms()).unwrap_or(0) & MS_MASK
}

impl IdMaker {
    /// A maker for this process. `entropy` must be drawn anew at each start; its low 56 bits are used.
    #[must_use]
    pub fn new(entropy: u64) -> Self {
        Self { last: Mutex::new(Tick { ms: 0, counter: 0, node: entropy & NODE_MASK }) }
    }

    /// The next id, made at `now`. Greater than every id this maker has made before, unless one of those was
    /// made more than [`MAX_AHEAD`] after `now`.
    pub fn next<I: TypedId>(&self, now: Timestamp) -> I {
        let tick = self.advance(id_ms(now));
        let bits = u128::from(tick.ms) << 80 | u128::from(tick.counter) << 56 | u128::from(tick.node);
        I::from_bytes(bits.to_be_bytes())
    }

    fn advance(&self, ms: u64) -> Tick {
        // A poisoned lock holds a whole `Tick` all the same: it is replaced in one assignment.
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *last = if ms > last.ms {
            Tick { ms, counter: 0, ..*last }
        } else if u128::from(last.ms - ms) > MAX_AHEAD.as_millis() {
            Tick { ms, counter: 0, node: last.node.wrapping_add(NEXT_NODE) & NODE_MASK }
        } else if last.counter < COUNTER_MAX {
            Tick { counter: last.counter + 1, ..*last }
        } else {
            Tick { ms: last.ms + 1, counter: 0, ..*last }
        };
        *last
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_follow_a_clock_that_was_far_ahead_and_none_is_made_twice() {
        let maker = IdMaker::new(7);
        let (right, hour) = (1_750_000_000_000, 3_600_000);
        let mut made = HashSet::new();
        for _ in 0..10 {
            // Forward and right again, over the same milliseconds each time.
            for ms in [right, right + 40 * 24 * hour, right + 1, right, right + hour, right] {
                let now = Timestamp::from_unix_ms(ms);
                let id: EventId = maker.next(now);
                assert!(made.insert(id), "{id} again");
                assert!(EventId::first_at(now) <= id);
                let a_little_later = now.plus(MAX_AHEAD + Duration::from_millis(1));
                assert!(id < EventId::first_at(a_little_later), "{id} is ahead of {ms}");
            }
        }
    }

    #[test]
    fn ids_increase_when_the_clock_steps_back_by_no_more_than_a_minute() {
        let maker = IdMaker::new(7);
        let times = [65_000, 65_000, 64_000, 66_000, 6_000];
        let ids: Vec<EventId> = times.iter().map(|ms| maker.next(Timestamp::from_unix_ms(*ms))).collect();
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
        assert!(EventId::first_at(Timestamp::from_unix_ms(65_000)) <= ids[0]);
        assert!(ids[2] < EventId::first_at(Timestamp::from_unix_ms(65_001)));
    }

    #[test]
    fn bytes_and_text_keep_the_order_and_round_trip() {
        let maker = IdMaker::new(u64::MAX);
        let a: EventId = maker.next(Timestamp::from_unix_ms(1_750_287_078_000));
        let b: EventId = maker.next(Timestamp::from_unix_ms(1_750_287_078_000));
        assert!(a.to_bytes() < b.to_bytes());
        assert!(a.to_string() < b.to_string());
        assert_eq!(a.to_string().parse(), Ok(a));
        assert_eq!(EventId::from_bytes(a.to_bytes()), a);
    }

    #[test]
    fn only_the_canonical_spelling_of_the_right_noun_parses() {
        let maker = IdMaker::new(1);
        let id: EventId = maker.next(Timestamp::from_unix_ms(1_750_287_078_000));
        let text = id.to_string();
        let part = &text["whev_".len()..];
        for wrong in [
            String::new(),
            "whev_".to_owned(),
            format!("whd_{part}"),
            format!("whev{part}"),
            format!("whev_{}", part.to_uppercase()),
            format!("whev_{part}0"),
            format!("whev_{}", &part[1..]),
            format!("whev_{}", part.replacen('0', "o", 1)),
            "whev_ééééééééééééé".to_owned(),
        ] {
            assert!(wrong.parse::<EventId>().is_err(), "{wrong}");
        }
    }
}
