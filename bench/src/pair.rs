//! The scenarios in which two kinds of subject are under the same load.

use std::time::Duration;

use crate::args::Plan;
use crate::report::Goal;
use crate::scenario::Heading;
use crate::subject::Kind;
use crate::window::Shape;

/// Events of one batch.
pub(crate) const EVENTS_PER_BATCH: u32 = 100;

/// What a call's way through Ringback may take more than through the bare server.
const NEARLY_AS_SOON: Goal = Goal::Within(Duration::from_micros(1500));

/// What is done to both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pair {
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

impl Pair {
    /// How it is told.
    pub(crate) fn heading(self) -> Heading {
        let (letter, title, goals): (_, _, &[Goal]) = match self {
            Self::Ingest => ('a', "ingest only", &[Goal::Share(0.7)]),
            Self::Delivery => ('b', "ingest and delivery", &[Goal::Share(0.35)]),
            Self::Paced => ('c', "200 events/s, end to end", &[NEARLY_AS_SOON]),
            Self::Publish => ('d', "publish beside ingest", &[]),
            Self::PublishBatch => ('e', "batches of 100 beside ingest", &[]),
        };
        Heading { letter, title, columns: self.subjects().map(Kind::title), goals }
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

    /// The load.
    pub(crate) fn shape(self, plan: Plan) -> Shape {
        match self {
            Self::Ingest | Self::Publish | Self::PublishBatch => Shape::saturating(plan, false),
            Self::Delivery => Shape::saturating(plan, true),
            Self::Paced => Shape::PACED,
        }
    }
}
