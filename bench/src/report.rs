//! What a run found: figures of one run side by side, and the ratios that alone mean something.

mod figures;
mod table;

use std::io::{self, Write};

use serde::Serialize;

pub(crate) use figures::{Figures, PerEvent};

use crate::args::Plan;
use crate::median::median;
use crate::scenario::{Goal, Scenario};

/// Below this share of the append loop the bare server is no floor.
const LEAST_FLOOR: f64 = 0.4;

/// A whole run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Whether the run was too short for its numbers to mean anything.
    quick: bool,
    cores: usize,
    window_secs: f64,
    windows: u32,
    connections: u32,
    scenarios: Vec<ScenarioReport>,
}

/// One scenario: what is measured, beside what it is compared with.
#[derive(Debug, Serialize)]
pub(crate) struct ScenarioReport {
    letter: char,
    title: &'static str,
    /// What is measured.
    subject: &'static str,
    /// What it is compared with.
    compared_with: &'static str,
    #[serde(skip)]
    goal: Goal,
    goal_met: Option<bool>,
    /// Events a second, the subject's by the other's; not of a paced load.
    ratio: Option<f64>,
    /// Median latency, the subject's less the other's, in milliseconds; of a paced load.
    p50_difference_ms: Option<f64>,
    ours: Figures,
    beside: Figures,
    /// Events a second of the append loop.
    append_loop_per_sec: Option<f64>,
    /// Events a second, the bare server's by the append loop's.
    floor_ratio: Option<f64>,
}

impl Report {
    pub(crate) fn new(plan: Plan, quick: bool, scenarios: Vec<ScenarioReport>) -> Self {
        Self {
            quick,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            window_secs: plan.window.as_secs_f64(),
            windows: plan.windows,
            connections: plan.connections,
            scenarios,
        }
    }

    /// Prints it as one JSON document.
    pub(crate) fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        writeln!(out)
    }

    /// Prints it as tables.
    pub(crate) fn write_table(&self, out: &mut impl Write) -> io::Result<()> {
        table::write(self, out)
    }
}

impl ScenarioReport {
    pub(crate) fn new(scenario: Scenario, ours: Figures, beside: Figures, loop_rates: &[f64]) -> Self {
        let goal = scenario.goal();
        let paced = matches!(goal, Goal::Within(_));
        let ratio = divide(ours.events_per_sec, beside.events_per_sec).filter(|_| !paced);
        let p50_difference_ms =
            ours.p50_ms.zip(beside.p50_ms).map(|(ours, others)| ours - others).filter(|_| paced);
        let append_loop_per_sec = median(loop_rates.iter().copied());
        Self {
            letter: scenario.letter(),
            title: scenario.title(),
            subject: scenario.subjects()[0].title(),
            compared_with: scenario.subjects()[1].title(),
            goal,
            goal_met: goal.is_met(ratio, p50_difference_ms),
            ratio,
            p50_difference_ms,
            floor_ratio: divide(beside.events_per_sec, append_loop_per_sec),
            ours,
            beside,
            append_loop_per_sec,
        }
    }

    /// Whether the bare server is too slow for a ratio to it to mean anything.
    fn floor_is_too_low(&self) -> bool {
        self.floor_ratio.is_some_and(|ratio| ratio < LEAST_FLOOR)
    }
}

impl Goal {
    /// `None` if what it is about was not measured.
    fn is_met(self, ratio: Option<f64>, p50_difference_ms: Option<f64>) -> Option<bool> {
        match self {
            Self::Share(least) => ratio.map(|ratio| ratio >= least),
            Self::None => None,
            Self::Within(most) => p50_difference_ms.map(|ms| ms <= most.as_secs_f64() * 1e3),
        }
    }
}

/// `a / b`; `None` if either was not measured or there is nothing to divide by.
fn divide(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.zip(b.filter(|b| *b > 0.0)).map(|(a, b)| a / b)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Goal, divide};

    #[test]
    fn a_goal_is_met_at_its_bound() {
        assert_eq!(Goal::Share(0.7).is_met(Some(0.7), None), Some(true));
        assert_eq!(Goal::Share(0.7).is_met(Some(0.69), None), Some(false));
        assert_eq!(Goal::Share(0.7).is_met(None, Some(0.1)), None);
        let within = Goal::Within(Duration::from_micros(1500));
        assert_eq!(within.is_met(None, Some(-3.0)), Some(true));
        assert_eq!(within.is_met(None, Some(1.6)), Some(false));
    }

    #[test]
    fn nothing_is_divided_by_nothing() {
        assert_eq!(divide(Some(1.0), Some(2.0)), Some(0.5));
        assert_eq!(divide(Some(1.0), Some(0.0)), None);
        assert_eq!(divide(None, Some(2.0)), None);
    }
}
