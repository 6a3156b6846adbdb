//! The figures as a Markdown table, ready to be pasted into the README, and whether the goals are met.

use std::io::{self, Write};

use crate::subject::Subject;

/// The body size that the goals are about, in bytes.
const GOAL_BODY_BYTES: usize = 500;
/// The most that verifying may take, in bare HMACs.
const MOST_OF_BARE: f64 = 1.3;
/// The least that `standardwebhooks` takes, in verifications of ours.
const LEAST_OF_THEIRS: f64 = 3.0;

/// The medians for one size of body.
pub(crate) struct Column {
    pub(crate) body_bytes: usize,
    /// Nanoseconds, in the order of [`Subject::ALL`].
    pub(crate) medians: Vec<f64>,
}

impl Column {
    fn nanos(&self, subject: Subject) -> f64 {
        let index = Subject::ALL.iter().position(|other| *other == subject);
        index.and_then(|index| self.medians.get(index)).copied().unwrap_or(f64::NAN)
    }

    /// The faster of the two libraries: the floor.
    fn bare(&self) -> f64 {
        self.nanos(Subject::BareAwsLc).min(self.nanos(Subject::BareRustCrypto))
    }

    fn of_bare(&self) -> f64 {
        self.nanos(Subject::Verify) / self.bare()
    }

    fn of_theirs(&self) -> f64 {
        self.nanos(Subject::TheirVerify) / self.nanos(Subject::Verify)
    }

    /// What no part accounts for.
    fn remainder(&self) -> f64 {
        self.nanos(Subject::Verify) - Subject::PARTS.map(|part| self.nanos(part)).iter().sum::<f64>()
    }
}

/// Writes the tables and the verdicts.
pub(crate) fn write(columns: &[Column], out: &mut impl Write) -> io::Result<()> {
    heading("ns per operation", columns, out)?;
    for subject in Subject::ALL.into_iter().filter(|subject| !is_detail(*subject)) {
        row(subject.label(), columns, |column| format!("{:.0}", column.nanos(subject)), out)?;
    }
    heading("ratio", columns, out)?;
    row("ours to the faster bare HMAC", columns, |column| format!("{:.2}", column.of_bare()), out)?;
    row("`standardwebhooks` to ours", columns, |column| format!("{:.2}", column.of_theirs()), out)?;
    row("signing: `standardwebhooks` to ours", columns, signing_ratio, out)?;
    heading("where verifying goes, ns", columns, out)?;
    for part in Subject::PARTS {
        row(part.label(), columns, |column| format!("{:.0}", column.nanos(part)), out)?;
    }
    row(
        "the rest: id, timestamp and token read",
        columns,
        |column| format!("{:.0}", column.remainder()),
        out,
    )?;
    row(Subject::Clock.label(), columns, |column| format!("{:.0}", column.nanos(Subject::Clock)), out)?;
    writeln!(out)?;
    columns
        .iter()
        .filter(|column| column.body_bytes == GOAL_BODY_BYTES)
        .try_for_each(|column| goals(column, out))
}

fn signing_ratio(column: &Column) -> String {
    format!("{:.2}", column.nanos(Subject::TheirSign) / column.nanos(Subject::Sign))
}

fn is_detail(subject: Subject) -> bool {
    subject == Subject::Clock || Subject::PARTS.contains(&subject)
}

fn heading(title: &str, columns: &[Column], out: &mut impl Write) -> io::Result<()> {
    writeln!(out)?;
    row(title, columns, |column| format!("{} B", column.body_bytes), out)?;
    row("---", columns, |_| "---:".to_owned(), out)
}

fn row(
    label: &str,
    columns: &[Column],
    cell: impl Fn(&Column) -> String,
    out: &mut impl Write,
) -> io::Result<()> {
    let cells: Vec<String> = columns.iter().map(cell).collect();
    writeln!(out, "| {label} | {} |", cells.join(" | "))
}

fn goals(column: &Column, out: &mut impl Write) -> io::Result<()> {
    let verdict = |met: bool| if met { "met" } else { "NOT met" };
    let (bare, theirs) = (column.of_bare(), column.of_theirs());
    let size = column.body_bytes;
    writeln!(
        out,
        "goal at {size} B: at most {MOST_OF_BARE} bare HMACs: {} ({bare:.2})",
        verdict(bare <= MOST_OF_BARE)
    )?;
    writeln!(
        out,
        "goal at {size} B: `standardwebhooks` takes at least {LEAST_OF_THEIRS} times as long: {} ({theirs:.2})",
        verdict(theirs >= LEAST_OF_THEIRS)
    )
}
