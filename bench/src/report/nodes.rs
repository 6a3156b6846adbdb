//! The figures of several nodes, and of a server that they share: a column for each.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use super::divide;
use super::figures::number;
use super::row::Row;
use crate::load::Pace;
use crate::median::median;
use crate::nodes::meter::Work;
use crate::window::{Outcome, Shape};

/// Most commits for an event while there is more to do than time.
const MOST_COMMITS: f64 = 0.1;
/// How many times as much processor time an event may cost three nodes as one.
const MOST_CPU_OF_THREE: f64 = 1.3;
/// Least share of what the bare insert writes.
const LEAST_SHARE: f64 = 0.6;

/// What is to be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodesGoal {
    /// Of one node on PostgreSQL, the second column.
    Commits,
    /// Of three nodes, the third column, beside one.
    CpuOfThree,
    /// Of the first column, beside the second.
    ShareOfInsert,
}

/// One load on all.
#[derive(Debug, Serialize)]
pub(crate) struct NodesReport {
    letter: char,
    title: String,
    columns: Vec<NodeFigures>,
    #[serde(skip)]
    goals: &'static [NodesGoal],
}

/// What an event costs one of them. Sums over all windows by the events of all, unless said otherwise.
#[derive(Debug, Serialize)]
pub(crate) struct NodeFigures {
    name: &'static str,
    /// Median over the windows.
    events_per_sec: Option<f64>,
    each_window: Vec<f64>,
    /// Processor seconds of all nodes together, for 1,000 events.
    nodes_cpu_per_1000: Option<f64>,
    /// The same of all processes of the PostgreSQL server.
    server_cpu_per_1000: Option<f64>,
    /// Of both.
    cpu_per_1000: Option<f64>,
    /// Transactions that wrote.
    commits: Option<f64>,
    /// Bytes of PostgreSQL's write-ahead log.
    log_bytes: Option<f64>,
    /// Counted in a window of their own.
    round_trips: Option<f64>,
    pub(crate) idle: Option<Idle>,
    refused: usize,
    missing: usize,
}

/// What is done in a second in which nothing comes.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Idle {
    /// Processor milliseconds of the nodes.
    nodes_cpu_ms: f64,
    /// Of the server.
    server_cpu_ms: Option<f64>,
    round_trips: Option<f64>,
    commits: Option<f64>,
}

impl Idle {
    pub(crate) fn new(length: Duration, nodes: Duration, work: Option<Work>, trips: Option<u64>) -> Self {
        let ms = |cpu: Duration| cpu.as_secs_f64() * 1e3 / length.as_secs_f64();
        Self {
            nodes_cpu_ms: ms(nodes),
            server_cpu_ms: work.map(|work| ms(work.cpu)),
            round_trips: trips.map(|trips| whole(trips) / length.as_secs_f64()),
            commits: work.map(|work| whole(work.commits.unsigned_abs()) / length.as_secs_f64()),
        }
    }
}

impl NodeFigures {
    /// From windows of this length and shape, with what the server did in each if there is one.
    pub(crate) fn new(
        name: &'static str,
        length: Duration,
        shape: Shape,
        windows: &[(&Outcome, Option<Work>)],
    ) -> Self {
        let events: usize = windows.iter().map(|(outcome, _)| outcome.accepted).sum();
        let nodes: Duration = windows.iter().map(|(outcome, _)| outcome.cpu).sum();
        let counts: Vec<usize> = windows.iter().map(|(outcome, _)| outcome.counted).collect();
        let works: Option<Vec<Work>> = windows.iter().map(|(_, work)| *work).collect();
        let mut figures = Self::of_rates(name, length, &counts);
        figures.nodes_cpu_per_1000 = per_1000(nodes, events);
        figures.refused = windows.iter().map(|(outcome, _)| outcome.refused).sum();
        figures.missing = windows.iter().map(|(outcome, _)| outcome.missing).sum();
        if let Some(works) = works {
            figures.count_work(&works, events);
        }
        // At an even pace it is the pace.
        figures.events_per_sec = figures.events_per_sec.filter(|_| matches!(shape.pace, Pace::Full { .. }));
        figures.cpu_per_1000 =
            figures.nodes_cpu_per_1000.map(|nodes| nodes + figures.server_cpu_per_1000.unwrap_or_default());
        figures
    }

    /// From windows in which rows were inserted and nothing else was done.
    pub(crate) fn of_inserts(name: &'static str, length: Duration, windows: &[(usize, Work)]) -> Self {
        let counts: Vec<usize> = windows.iter().map(|(count, _)| *count).collect();
        let works: Vec<Work> = windows.iter().map(|(_, work)| *work).collect();
        let mut figures = Self::of_rates(name, length, &counts);
        figures.count_work(&works, counts.iter().sum());
        figures
    }

    fn of_rates(name: &'static str, length: Duration, counts: &[usize]) -> Self {
        let each_window: Vec<f64> =
            counts.iter().map(|count| number(*count) / length.as_secs_f64()).collect();
        Self {
            name,
            events_per_sec: median(each_window.iter().copied()),
            each_window,
            nodes_cpu_per_1000: None,
            server_cpu_per_1000: None,
            cpu_per_1000: None,
            commits: None,
            log_bytes: None,
            round_trips: None,
            idle: None,
            refused: 0,
            missing: 0,
        }
    }

    fn count_work(&mut self, works: &[Work], events: usize) {
        let sum = |of: fn(&Work) -> i64| whole(works.iter().map(of).sum::<i64>().unsigned_abs());
        self.server_cpu_per_1000 = per_1000(works.iter().map(|work| work.cpu).sum(), events);
        self.commits = divide(Some(sum(|work| work.commits)), Some(number(events)));
        self.log_bytes = divide(Some(sum(|work| work.log_bytes)), Some(number(events)));
    }

    /// With the round trips of a window of its own.
    pub(crate) fn count_trips(&mut self, trips: u64, events: usize) {
        self.round_trips = divide(Some(whole(trips)), Some(number(events)));
    }

    /// With the commits of a window of its own.
    pub(crate) fn count_commits(&mut self, commits: usize, events: usize) {
        self.commits = divide(Some(number(commits)), Some(number(events)));
    }
}

const ROWS: &[Row<NodeFigures>] = &[
    Row { label: "events/s", value: |f| f.events_per_sec, decimals: 0 },
    Row { label: "CPU s per 1,000 events", value: |f| f.cpu_per_1000, decimals: 4 },
    Row { label: "  of the nodes", value: |f| f.nodes_cpu_per_1000, decimals: 4 },
    Row { label: "  of PostgreSQL", value: |f| f.server_cpu_per_1000, decimals: 4 },
    Row { label: "commits per event", value: |f| f.commits, decimals: 3 },
    Row { label: "round trips per event", value: |f| f.round_trips, decimals: 3 },
    Row { label: "bytes of WAL per event", value: |f| f.log_bytes, decimals: 0 },
    Row {
        label: "idle: CPU ms/s of the nodes",
        value: |f| f.idle.map(|idle| idle.nodes_cpu_ms),
        decimals: 1,
    },
    Row { label: "idle: CPU ms/s of PostgreSQL", value: |f| f.idle?.server_cpu_ms, decimals: 1 },
    Row { label: "idle: round trips/s", value: |f| f.idle?.round_trips, decimals: 1 },
    Row { label: "idle: commits/s", value: |f| f.idle?.commits, decimals: 1 },
];

impl NodesReport {
    /// Puts them side by side.
    pub(crate) fn new(
        letter: char,
        title: String,
        columns: Vec<NodeFigures>,
        goals: &'static [NodesGoal],
    ) -> Self {
        Self { letter, title, columns, goals }
    }

    /// Prints it as a table.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        write!(out, "{:<42}", format!("({}) {}", self.letter, self.title))?;
        for column in &self.columns {
            write!(out, "{:>14}", column.name)?;
        }
        writeln!(out)?;
        for row in ROWS {
            self.write_row(row, out)?;
        }
        for NodeFigures { name, refused, missing, .. } in &self.columns {
            if refused + missing > 0 {
                writeln!(
                    out,
                    "WARNING: {name} did not accept {refused} calls, and {missing} accepted events never arrived"
                )?;
            }
        }
        for goal in self.goals {
            writeln!(out, "goal: {}", goal.sentence(&self.columns))?;
        }
        Ok(())
    }

    fn write_row(&self, row: &Row<NodeFigures>, out: &mut impl Write) -> io::Result<()> {
        let values: Vec<Option<f64>> = self.columns.iter().map(row.value).collect();
        if values.iter().all(Option::is_none) {
            return Ok(());
        }
        write!(out, "{:<42}", row.label)?;
        for value in values {
            match value {
                Some(value) => write!(out, "{value:>14.places$}", places = row.decimals)?,
                None => write!(out, "{:>14}", "-")?,
            }
        }
        writeln!(out)
    }
}

impl NodesGoal {
    fn sentence(self, columns: &[NodeFigures]) -> String {
        let of = |column: usize, value: fn(&NodeFigures) -> Option<f64>| columns.get(column).and_then(value);
        let (aim, value, is_met): (_, _, fn(f64) -> bool) = match self {
            Self::Commits => (
                format!("commits per event of one node at most {MOST_COMMITS:.2}"),
                of(1, |f| f.commits),
                |value| value <= MOST_COMMITS,
            ),
            Self::CpuOfThree => (
                format!("CPU of three nodes and the server by that of one, at most {MOST_CPU_OF_THREE:.2}"),
                divide(of(2, |f| f.cpu_per_1000), of(1, |f| f.cpu_per_1000)),
                |value| value <= MOST_CPU_OF_THREE,
            ),
            Self::ShareOfInsert => (
                format!("events/s by those of the bare insert, at least {LEAST_SHARE:.2}"),
                divide(of(0, |f| f.events_per_sec), of(1, |f| f.events_per_sec)),
                |value| value >= LEAST_SHARE,
            ),
        };
        match value {
            Some(value) if is_met(value) => format!("{aim}: met ({value:.2})"),
            Some(value) => format!("{aim}: NOT met ({value:.2})"),
            None => format!("{aim}: not measured"),
        }
    }
}

fn per_1000(cpu: Duration, events: usize) -> Option<f64> {
    (events > 0).then(|| cpu.as_secs_f64() * 1000.0 / number(events))
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^52")]
fn whole(count: u64) -> f64 {
    count as f64
}
