//! The scenarios, and what each is to reach.

use crate::args::Plan;
use crate::failure::Failure;
use crate::load::Pace;
use crate::pair::Pair;
use crate::report::Goal;
use crate::window::Shape;

/// Calls a second of every paced load.
const PACED_PER_SECOND: u32 = 200;

/// What is done to the subjects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Two kinds of subject under the same load.
    Pair(Pair),
    /// Many endpoints, beside as many of which a few misbehave.
    Isolation,
    /// A server beside one with a great many pending retries of one dead endpoint.
    Backlog,
    /// One node and several, on either database, at the same rate.
    Nodes,
    /// One node on PostgreSQL, beside rows that are inserted and nothing else.
    Peak,
}

/// How a scenario, or one of its parts, is told in the report.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heading {
    /// The scenario's letter.
    pub(crate) letter: char,
    /// What is measured.
    pub(crate) title: &'static str,
    /// What is measured, and what it is compared with.
    pub(crate) columns: [&'static str; 2],
    /// What is to be reached.
    pub(crate) goals: &'static [Goal],
}

impl Scenario {
    /// All of them.
    pub(crate) const ALL: [Self; 9] = [
        Self::Pair(Pair::Ingest),
        Self::Pair(Pair::Delivery),
        Self::Pair(Pair::Paced),
        Self::Pair(Pair::Publish),
        Self::Pair(Pair::PublishBatch),
        Self::Isolation,
        Self::Backlog,
        Self::Nodes,
        Self::Peak,
    ];

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
            Self::Pair(pair) => pair.heading().letter,
            Self::Isolation => 'f',
            Self::Backlog => 'g',
            Self::Nodes => 'h',
            Self::Peak => 'j',
        }
    }

    /// Its name, for whoever waits for it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Pair(pair) => pair.heading().title,
            Self::Isolation => "200 events/s over 200 endpoints",
            Self::Backlog => "healthy traffic beside a backlog",
            Self::Nodes => "one node and three, on either database",
            Self::Peak => "one node on PostgreSQL beside a bare insert",
        }
    }

    /// Whether it starts a server of its own.
    pub(crate) fn needs_postgres(self) -> bool {
        matches!(self, Self::Nodes | Self::Peak)
    }
}

impl Shape {
    /// Events that are delivered, at an even pace that leaves time to spare.
    pub(crate) const PACED: Self = Self { pace: Pace::Even { per_second: PACED_PER_SECOND }, delivers: true };

    /// As many calls as are answered.
    pub(crate) fn saturating(plan: Plan, delivers: bool) -> Self {
        Self { pace: Pace::Full { connections: plan.connections }, delivers }
    }
}

#[cfg(test)]
mod tests {
    use super::{Pair, Scenario};

    #[test]
    fn letters_name_scenarios() {
        assert_eq!(Scenario::named(&[]).unwrap(), Scenario::ALL);
        let letters = Scenario::ALL.map(Scenario::letter);
        assert_eq!(letters, ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'j']);
        let chosen = Scenario::named(&['f', 'a']).unwrap();
        assert_eq!(chosen, [Scenario::Isolation, Scenario::Pair(Pair::Ingest)]);
        assert!(Scenario::named(&['i']).is_err());
    }
}
