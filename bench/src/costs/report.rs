//! The costs side by side, and whether they stay what they are.

use std::io::{self, Write};

use serde::Serialize;

use super::Operation;
use super::pages::Touched;
use super::times::Medians;

/// How many times as much a call may cost in the database with the long history. Not in pages: of those a
/// higher B-tree has more.
const GOAL: f64 = 1.2;

/// The costs in the two databases of one kind.
#[derive(Debug, Serialize)]
pub(super) struct Costs {
    /// Of which kind.
    pub(super) database: String,
    pub(super) operations: Vec<Comparison>,
}

/// What one operation costs.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    operation: Operation,
    pages: Figure,
    rows: Option<Figure>,
    /// Microseconds; `None` if nothing was timed. No goal: on a long history it is the disk's.
    first_p50_us: Option<Figure>,
    /// The same of calls that find what they need in memory.
    p50_us: Option<Figure>,
}

/// One figure in the small database and in the big one.
#[derive(Debug, Clone, Copy, Serialize)]
struct Figure {
    small: f64,
    big: f64,
    ratio: f64,
}

/// A column of the tables.
struct Column {
    name: &'static str,
    of: fn(&Comparison) -> Option<Figure>,
    decimals: usize,
    has_goal: bool,
}

const COLUMNS: [Column; 4] = [
    Column { name: "pages", of: |row| Some(row.pages), decimals: 1, has_goal: false },
    Column { name: "rows", of: |row| row.rows, decimals: 1, has_goal: true },
    Column { name: "first p50, µs", of: |row| row.first_p50_us, decimals: 0, has_goal: false },
    Column { name: "warm p50, µs", of: |row| row.p50_us, decimals: 0, has_goal: true },
];

impl From<[f64; 2]> for Figure {
    fn from([small, big]: [f64; 2]) -> Self {
        Self { small, big, ratio: big / small }
    }
}

impl Comparison {
    /// What is touched; times may come afterwards.
    pub(super) fn new(operation: Operation, small: Touched, big: Touched) -> Self {
        let rows = small.rows.zip(big.rows).map(|(small, big)| [small, big].into());
        Self { operation, pages: [small.pages, big.pages].into(), rows, first_p50_us: None, p50_us: None }
    }

    /// With the medians, in microseconds.
    pub(super) fn timed(self, medians: Medians) -> Self {
        Self { first_p50_us: Some(medians.first.into()), p50_us: Some(medians.warm.into()), ..self }
    }
}

/// Prints them as one JSON document.
pub(super) fn write_json(costs: &[Costs], out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, costs)?;
    writeln!(out)
}

/// Prints them as tables: each figure in the small database, in the big one, and their ratio.
pub(super) fn write_tables(costs: &[Costs], out: &mut impl Write) -> io::Result<()> {
    for Costs { database, operations } in costs {
        write!(out, "{database:<22}")?;
        for column in &COLUMNS {
            write!(out, "{:>20}{:>7}", column.name, "ratio")?;
        }
        writeln!(out)?;
        for row in operations {
            write!(out, "{:<22}", row.operation.name())?;
            for column in &COLUMNS {
                write_figure((column.of)(row), column.decimals, out)?;
            }
            writeln!(out)?;
        }
        for column in COLUMNS.iter().filter(|column| column.has_goal) {
            write_goal(column, operations, out)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn write_figure(figure: Option<Figure>, decimals: usize, out: &mut impl Write) -> io::Result<()> {
    match figure {
        Some(Figure { small, big, ratio }) => {
            write!(out, "{small:>10.decimals$}{big:>10.decimals$}{ratio:>7.2}")
        }
        None => write!(out, "{:>27}", "-"),
    }
}

fn write_goal(column: &Column, operations: &[Comparison], out: &mut impl Write) -> io::Result<()> {
    let ratios = operations.iter().filter_map(column.of).map(|figure| figure.ratio);
    let Some(worst) = ratios.max_by(f64::total_cmp) else { return Ok(()) };
    let verdict = if worst <= GOAL { "met" } else { "NOT met" };
    writeln!(out, "goal: {}, ratio at most {GOAL:.2}: {verdict} (at worst {worst:.2})", column.name)
}
