//! The scenarios, and what each is to reach.

use std::time::Duration;

use crate::args::Plan;
use crate::failure::Failure;
use crate::load::Pace;
use crate::subject::Kind;

/// Calls a second of the paced scenario.
const PACED_PER_SECOND: u32 = 200;

/// Events of one batch.
const EVENTS_PER_BATCH: u32 = 100;

/// What is done to a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// A source and no endpoint, as fast as it goes.
    Ingest,
    /// The same with an endpoint; what counts is what arrives.
    Delivery,
    /// The same at an even pace that leaves both subjects time; what counts is how soon it arrives.
    Paced,
    /// Events published one at a time, beside calls that are taken in.
    Publish,
    /// Events published many at a time, beside calls that are taken in.
    PublishBatch,
}

/// What Ringback is to reach, beside the floor in the same run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// At least this share of its events a second.
    Share(f64),
    /// A median latency that is at most so much longer.
    Within(Duration),
    /// Nothing: the two are there to be compared.
    None,
}

impl Scenario {
    /// All of them.
    pub(crate) const ALL: [Self; 5] =
        [Self::Ingest, Self::Delivery, Self::Paced, Self::Publish, Self::PublishBatch];

    /// Those that these letters name; all, if there are none.
    pub(crate) fn named(letters: &[char]) -> Result<Vec<Self>, Failure> {
        if letters.is_empty() {
            return Ok(Self::ALL.to_vec());
        }
        let find = |letter: &char| Self::ALL.into_iter().find(|scenario| scenario.letter() == *letter);
        letters.iter().map(|letter| find(letter).ok_or(Failure::NoScenario { letter: *letter })).collect()
    }

    /// Its letter.
    pub(crate) fn letter(self) -> char {
        match self {
            Self::Ingest => 'a',
            Self::Delivery => 'b',
            Self::Paced => 'c',
            Self::Publish => 'd',
            Self::PublishBatch => 'e',
        }
    }

    /// Its name, for the report.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Ingest => "ingest only",
            Self::Delivery => "ingest and delivery",
            Self::Paced => "200 events/s, end to end",
            Self::Publish => "publish beside ingest",
            Self::PublishBatch => "batches of 100 beside ingest",
        }
    }

    /// Whether events are delivered.
    pub(crate) fn delivers(self) -> bool {
        matches!(self, Self::Delivery | Self::Paced)
    }

    /// What is measured, and beside what.
    pub(crate) fn subjects(self) -> [Kind; 2] {
        match self {
            Self::Ingest | Self::Delivery | Self::Paced => [Kind::Ringback, Kind::Bare],
            Self::Publish => [Kind::Publish, Kind::Ringback],
            Self::PublishBatch => [Kind::PublishBatch(EVENTS_PER_BATCH), Kind::Ringback],
        }
    }

    /// Whether the append loop is measured as well, which tells whether the bare server is a floor.
    pub(crate) fn has_append_loop(self) -> bool {
        matches!(self, Self::Ingest | Self::Delivery)
    }

    /// How fast calls are made.
    pub(crate) fn pace(self, plan: Plan) -> Pace {
        match self {
            Self::Ingest | Self::Delivery | Self::Publish | Self::PublishBatch => {
                Pace::Full { connections: plan.connections }
            }
            Self::Paced => Pace::Even { per_second: PACED_PER_SECOND },
        }
    }

    /// What is to be reached.
    pub(crate) fn goal(self) -> Goal {
        match self {
            Self::Ingest => Goal::Share(0.7),
            Self::Delivery => Goal::Share(0.35),
            Self::Paced => Goal::Within(Duration::from_micros(1500)),
            Self::Publish | Self::PublishBatch => Goal::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Scenario;

    #[test]
    fn letters_name_scenarios() {
        assert_eq!(Scenario::named(&[]).unwrap(), Scenario::ALL);
        assert_eq!(Scenario::named(&['c', 'a']).unwrap(), [Scenario::Paced, Scenario::Ingest]);
        assert!(Scenario::named(&['f']).is_err());
    }
}
