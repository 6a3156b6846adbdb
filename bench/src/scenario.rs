//! The three scenarios, and what each is to reach.

use std::time::Duration;

use crate::args::Plan;
use crate::failure::Failure;
use crate::load::Pace;

/// Calls a second of the paced scenario.
const PACED_PER_SECOND: u32 = 200;

/// What is done to a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// A source and no endpoint, as fast as it goes.
    Ingest,
    /// The same with an endpoint; what counts is what arrives.
    Delivery,
    /// The same at an even pace that leaves both subjects time; what counts is how soon it arrives.
    Paced,
}

/// What Ringback is to reach, beside the floor in the same run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// At least this share of its events a second.
    Share(f64),
    /// A median latency that is at most so much longer.
    Within(Duration),
}

impl Scenario {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Ingest, Self::Delivery, Self::Paced];

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
        }
    }

    /// Its name, for the report.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Ingest => "ingest only",
            Self::Delivery => "ingest and delivery",
            Self::Paced => "200 events/s, end to end",
        }
    }

    /// Whether events are delivered.
    pub(crate) fn delivers(self) -> bool {
        self != Self::Ingest
    }

    /// How fast calls are made.
    pub(crate) fn pace(self, plan: Plan) -> Pace {
        match self {
            Self::Ingest | Self::Delivery => Pace::Full { connections: plan.connections },
            Self::Paced => Pace::Even { per_second: PACED_PER_SECOND },
        }
    }

    /// What is to be reached.
    pub(crate) fn goal(self) -> Goal {
        match self {
            Self::Ingest => Goal::Share(0.7),
            Self::Delivery => Goal::Share(0.35),
            Self::Paced => Goal::Within(Duration::from_micros(1500)),
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
        assert!(Scenario::named(&['d']).is_err());
    }
}
