//! What a run found: figures of one run side by side, and the ratios that alone mean something.

mod figures;
mod goal;
mod nodes;
mod row;
mod table;

use std::io::{self, Write};

use serde::Serialize;

pub(crate) use figures::{Figures, PerEvent};
pub(crate) use goal::Goal;
pub(crate) use nodes::{Idle, NodeFigures, NodesGoal, NodesReport};

use crate::args::Plan;
use crate::median::median;
use crate::scenario::Heading;
use crate::seed::Aftermath;

/// Below this share of the append loop the bare server is no floor.
const LEAST_FLOOR: f64 = 0.4;

/// A whole run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Whether the run was too short for its numbers to mean anything.
    quick: bool,
    cores: usize,
    window_secs: f64,
    /// Of the scenario in which endpoints misbehave.
    isolation_window_secs: f64,
    windows: u32,
    connections: u32,
    /// Whether fsyncs and commits were counted.
    syncs_counted: bool,
    scenarios: Vec<ScenarioReport>,
    /// The scenarios with several nodes.
    nodes: Vec<NodesReport>,
}

/// One scenario, or a part of it: what is measured, beside what it is compared with.
#[derive(Debug, Serialize)]
pub(crate) struct ScenarioReport {
    letter: char,
    title: &'static str,
    /// What is measured.
    subject: &'static str,
    /// What it is compared with.
    compared_with: &'static str,
    #[serde(skip)]
    goals: &'static [Goal],
    /// Whether all are; `None` if there are none, or what one is about was not measured.
    goals_met: Option<bool>,
    /// Events a second, the subject's by the other's; not of a paced load.
    ratio: Option<f64>,
    /// Median latency, the subject's less the other's, in milliseconds; of a paced load.
    p50_difference_ms: Option<f64>,
    /// Latency exceeded by one call in a hundred, the subject's by the other's; of a paced load.
    p99_ratio: Option<f64>,
    ours: Figures,
    beside: Figures,
    /// Events a second of the append loop.
    append_loop_per_sec: Option<f64>,
    /// Events a second, the bare server's by the append loop's.
    floor_ratio: Option<f64>,
    /// What became of the backlog, in the scenario that has one.
    aftermath: Option<Aftermath>,
}

impl Report {
    pub(crate) fn new(
        plan: Plan,
        quick: bool,
        syncs_counted: bool,
        scenarios: Vec<ScenarioReport>,
        nodes: Vec<NodesReport>,
    ) -> Self {
        Self {
            quick,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            window_secs: plan.window.as_secs_f64(),
            isolation_window_secs: plan.isolation_window.as_secs_f64(),
            windows: plan.windows,
            connections: plan.connections,
            syncs_counted,
            scenarios,
            nodes,
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
    /// Puts the figures of both side by side.
    pub(crate) fn new(heading: Heading, ours: Figures, beside: Figures) -> Self {
        let Heading { letter, title, columns: [subject, compared_with], goals } = heading;
        let is_paced = ours.p50_ms.is_some();
        let mut report = Self {
            letter,
            title,
            subject,
            compared_with,
            goals,
            goals_met: None,
            ratio: divide(ours.events_per_sec, beside.events_per_sec).filter(|_| !is_paced),
            p50_difference_ms: ours.p50_ms.zip(beside.p50_ms).map(|(ours, others)| ours - others),
            p99_ratio: divide(ours.p99_ms, beside.p99_ms),
            ours,
            beside,
            append_loop_per_sec: None,
            floor_ratio: None,
            aftermath: None,
        };
        report.goals_met = report.judge();
        report
    }

    /// With the append loop's windows, beside which the floor is seen for what it is.
    pub(crate) fn beside_append_loop(self, rates: &[f64]) -> Self {
        let append_loop_per_sec = median(rates.iter().copied());
        let floor_ratio = divide(self.beside.events_per_sec, append_loop_per_sec);
        Self { append_loop_per_sec, floor_ratio, ..self }
    }

    /// With what became of the backlog.
    pub(crate) fn with_aftermath(self, aftermath: Aftermath) -> Self {
        Self { aftermath: Some(aftermath), ..self }
    }

    fn judge(&self) -> Option<bool> {
        let verdicts: Option<Vec<bool>> = self.goals.iter().map(|goal| goal.is_met(self)).collect();
        verdicts.filter(|verdicts| !verdicts.is_empty()).map(|verdicts| verdicts.into_iter().all(|met| met))
    }

    /// Whether the bare server is too slow for a ratio to it to mean anything.
    fn floor_is_too_low(&self) -> bool {
        self.floor_ratio.is_some_and(|ratio| ratio < LEAST_FLOOR)
    }
}

/// `a / b`; `None` if either was not measured or there is nothing to divide by.
fn divide(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.zip(b.filter(|b| *b > 0.0)).map(|(a, b)| a / b)
}

#[cfg(test)]
mod tests {
    use super::divide;

    #[test]
    fn nothing_is_divided_by_nothing() {
        assert_eq!(divide(Some(1.0), Some(2.0)), Some(0.5));
        assert_eq!(divide(Some(1.0), Some(0.0)), None);
        assert_eq!(divide(None, Some(2.0)), None);
    }
}
