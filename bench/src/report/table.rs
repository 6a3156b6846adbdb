//! The report as tables for a terminal.

use std::io::{self, Write};

use super::row::Row;
use super::{Figures, Report, ScenarioReport};
use crate::seed::Aftermath;

const ROWS: &[Row<Figures>] = &[
    Row { label: "events/s", value: |f| f.events_per_sec, decimals: 0 },
    Row { label: "  arrived by the window's end/s", value: |f| f.in_window_per_sec, decimals: 0 },
    Row { label: "latency p50, ms", value: |f| f.p50_ms, decimals: 2 },
    Row { label: "latency p99, ms", value: |f| f.p99_ms, decimals: 2 },
    Row { label: "ready after, s", value: |f| f.ready_secs, decimals: 2 },
    Row { label: "CPU s per 1,000 events", value: |f| f.cpu_secs_per_1000, decimals: 4 },
    Row { label: "  of the driver meanwhile", value: |f| f.driver_cpu_secs_per_1000, decimals: 4 },
    Row { label: "resident, MiB", value: |f| Some(f.memory.resident_mib()), decimals: 1 },
    Row { label: "  at its peak, MiB", value: |f| Some(f.memory.peak_mib()), decimals: 1 },
    Row { label: "fsyncs per event", value: |f| f.per_event.map(|per| per.syncs), decimals: 3 },
    Row { label: "commits per event", value: |f| f.per_event.map(|per| per.commits), decimals: 3 },
];

pub(super) fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let Report { cores, window_secs, isolation_window_secs, windows, connections, .. } = report;
    writeln!(
        out,
        "{windows} windows of {window_secs} s for each, in turn, of {isolation_window_secs} s in (f); {connections} connections; \
         {cores} cores; medians"
    )?;
    if report.quick {
        writeln!(out, "A smoke test: these numbers mean nothing.")?;
    }
    if !report.syncs_counted {
        writeln!(out, "fsyncs and commits were not counted: there is no strace, or it may not trace")?;
    }
    for scenario in &report.scenarios {
        writeln!(out)?;
        write_scenario(scenario, out)?;
    }
    for nodes in &report.nodes {
        writeln!(out)?;
        nodes.write(out)?;
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
    write_aftermath(scenario, out)?;
    for goal in scenario.goals {
        writeln!(out, "goal: {}", goal.sentence(scenario))?;
    }
    Ok(())
}

fn write_row(row: &Row<Figures>, scenario: &ScenarioReport, out: &mut impl Write) -> io::Result<()> {
    let (ours, others) = ((row.value)(&scenario.ours), (row.value)(&scenario.beside));
    let ratio = super::divide(ours, others).map_or_else(String::new, |ratio| format!("{ratio:.2}"));
    let (Some(ours), Some(others)) = (ours, others) else { return Ok(()) };
    let places = row.decimals;
    writeln!(out, "{:<34}{ours:>14.places$}{others:>14.places$}{ratio:>9}", row.label)
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

fn write_aftermath(scenario: &ScenarioReport, out: &mut impl Write) -> io::Result<()> {
    let Some(Aftermath { seeded, pending, attempts }) = scenario.aftermath else { return Ok(()) };
    writeln!(out, "the backlog: {seeded} deliveries, at which {attempts} attempts were made meanwhile")?;
    if pending < seeded {
        writeln!(out, "WARNING: only {pending} of them are still pending")?;
    }
    Ok(())
}
