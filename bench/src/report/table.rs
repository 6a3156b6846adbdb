//! The report as tables for a terminal.

use std::io::{self, Write};

use super::{Figures, Report, ScenarioReport};
use crate::scenario::Goal;

/// How a row's value is got and shown.
struct Row {
    label: &'static str,
    value: fn(&Figures) -> Option<f64>,
    decimals: usize,
    /// Shown where it was not measured; a row without it is left out there.
    absent: Option<&'static str>,
}

const ROWS: &[Row] = &[
    Row { label: "events/s", value: |f| f.events_per_sec, decimals: 0, absent: None },
    Row {
        label: "  arrived by the window's end/s",
        value: |f| f.in_window_per_sec,
        decimals: 0,
        absent: None,
    },
    Row { label: "latency p50, ms", value: |f| f.p50_ms, decimals: 2, absent: None },
    Row { label: "latency p99, ms", value: |f| f.p99_ms, decimals: 2, absent: None },
    Row { label: "CPU s per 1,000 events", value: |f| f.cpu_secs_per_1000, decimals: 4, absent: None },
    Row {
        label: "  of the driver meanwhile",
        value: |f| f.driver_cpu_secs_per_1000,
        decimals: 4,
        absent: None,
    },
    Row { label: "resident, MiB", value: |f| Some(mib(f.memory.resident_kib)), decimals: 1, absent: None },
    Row { label: "  at its peak, MiB", value: |f| Some(mib(f.memory.peak_kib)), decimals: 1, absent: None },
    Row {
        label: "fsyncs per event",
        value: |f| f.per_event.map(|per| per.syncs),
        decimals: 3,
        absent: Some("not measured"),
    },
    Row {
        label: "commits per event",
        value: |f| f.per_event.map(|per| per.commits),
        decimals: 3,
        absent: Some("not measured"),
    },
];

pub(super) fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let Report { quick, cores, window_secs, windows, connections, scenarios } = report;
    writeln!(
        out,
        "{windows} windows of {window_secs} s for each, in turn; {connections} connections; {cores} cores; medians"
    )?;
    if *quick {
        writeln!(out, "A smoke test: these numbers mean nothing.")?;
    }
    for scenario in scenarios {
        writeln!(out)?;
        write_scenario(scenario, out)?;
    }
    Ok(())
}

fn write_scenario(scenario: &ScenarioReport, out: &mut impl Write) -> io::Result<()> {
    let heading = format!("({}) {}", scenario.letter, scenario.title);
    writeln!(out, "{heading:<34}{:>14}{:>14}{:>9}", scenario.subject, scenario.compared_with, "ratio")?;
    for row in ROWS {
        write_row(row, scenario, out)?;
    }
    if let (Some(rate), Some(ratio)) = (scenario.append_loop_per_sec, scenario.floor_ratio) {
        writeln!(
            out,
            "the append loop without HTTP writes {rate:.0} events/s: the bare server reaches {ratio:.2} of it"
        )?;
    }
    if scenario.floor_is_too_low() {
        writeln!(out, "WARNING: that is below {:.2}, so the bare server is no floor", super::LEAST_FLOOR)?;
    }
    write_losses(scenario.subject, &scenario.ours, out)?;
    write_losses(scenario.compared_with, &scenario.beside, out)?;
    write_goal(scenario, out)
}

fn write_row(row: &Row, scenario: &ScenarioReport, out: &mut impl Write) -> io::Result<()> {
    let (ours, floors) = ((row.value)(&scenario.ours), (row.value)(&scenario.beside));
    let show = |value: Option<f64>| match (value, row.absent) {
        (Some(value), _) => Some(format!("{value:.*}", row.decimals)),
        (None, absent) => absent.map(str::to_owned),
    };
    let (Some(our_text), Some(floor_text)) = (show(ours), show(floors)) else { return Ok(()) };
    let ratio = super::divide(ours, floors).map_or_else(String::new, |ratio| format!("{ratio:.2}"));
    writeln!(out, "{:<34}{our_text:>14}{floor_text:>14}{ratio:>9}", row.label)
}

fn write_losses(name: &str, figures: &Figures, out: &mut impl Write) -> io::Result<()> {
    let Figures { refused, missing, .. } = figures;
    if refused + missing > 0 {
        writeln!(
            out,
            "WARNING: {name} did not accept {refused} calls, and {missing} accepted events never arrived"
        )?;
    }
    Ok(())
}

fn write_goal(scenario: &ScenarioReport, out: &mut impl Write) -> io::Result<()> {
    let verdict = match scenario.goal_met {
        Some(true) => "met",
        Some(false) => "NOT met",
        None => "not measured",
    };
    match scenario.goal {
        Goal::Share(least) => {
            writeln!(out, "goal: at least {least:.2} of the bare server's events/s: {verdict}")
        }
        Goal::None => Ok(()),
        Goal::Within(most) => {
            let difference = scenario.p50_difference_ms.unwrap_or(f64::NAN);
            let most = most.as_secs_f64() * 1e3;
            writeln!(
                out,
                "goal: p50 at most {most:.1} ms above the bare server's: {verdict} ({difference:+.2} ms)"
            )
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "memory in KiB is far below 2^52")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
