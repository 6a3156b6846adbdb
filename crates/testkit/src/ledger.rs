//! The books of a load: what became of each call, and what of it has arrived.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::load::BodyOf;
use crate::receiver::Receiver;

/// How often arrivals are counted while some are missing.
const COUNT_AGAIN_AFTER: Duration = Duration::from_millis(10);

/// What became of calls, by `webhook-id`.
#[derive(Debug, Default, Clone)]
pub struct Ledger {
    /// Answered 200: these must arrive, whatever happens.
    pub acknowledged: BTreeSet<String>,
    /// Without any answer: whether they were taken is not known. As OpenAI does, they are to be sent again.
    pub unanswered: Vec<String>,
    /// How often the answer was 503, by its code; such a call is sent again until it is answered otherwise.
    pub refusals: BTreeMap<String, usize>,
    /// The longest that an answer took.
    pub slowest: Duration,
}

impl Ledger {
    /// How often the answer was 503, whatever its code.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.refusals.values().sum()
    }

    /// Adds what is in another one.
    pub fn add(&mut self, other: Self) {
        self.acknowledged.extend(other.acknowledged);
        self.unanswered.extend(other.unanswered);
        for (code, times) in other.refusals {
            *self.refusals.entry(code).or_default() += times;
        }
        self.slowest = self.slowest.max(other.slowest);
    }
}

/// How often each id arrived at a receiver.
#[derive(Debug, Default)]
pub struct Arrivals {
    times: BTreeMap<String, usize>,
}

impl Arrivals {
    /// Counts, until all of these have arrived or the time is up.
    ///
    /// # Panics
    /// When a call arrived with another body than it was sent with.
    pub async fn of(
        receiver: &Receiver,
        expected: &BTreeSet<String>,
        body: BodyOf,
        patience: Duration,
    ) -> Self {
        let give_up_at = Instant::now() + patience;
        let mut arrivals = Self::default();
        let mut seen = 0;
        loop {
            for call in receiver.calls_after(seen) {
                assert_eq!(call.body, body(call.webhook_id()), "{}", call.webhook_id());
                *arrivals.times.entry(call.webhook_id().to_owned()).or_default() += 1;
                seen += 1;
            }
            if arrivals.missing(expected).is_empty() || Instant::now() >= give_up_at {
                return arrivals;
            }
            sleep(COUNT_AGAIN_AFTER).await;
        }
    }

    /// Those of these that have not arrived.
    #[must_use]
    pub fn missing<'a>(&self, expected: &'a BTreeSet<String>) -> Vec<&'a str> {
        expected.iter().map(String::as_str).filter(|id| !self.times.contains_key(*id)).collect()
    }

    /// How many different ids arrived.
    #[must_use]
    pub fn different(&self) -> usize {
        self.times.len()
    }

    /// How many arrivals were of an id that had arrived before.
    #[must_use]
    pub fn doubles(&self) -> usize {
        self.times.values().sum::<usize>() - self.times.len()
    }
}
