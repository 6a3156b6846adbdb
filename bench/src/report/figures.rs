//! The figures of one subject in one scenario, from its windows.

use std::time::Duration;

use serde::Serialize;

use crate::load::Pace;
use crate::median::{median, percentile};
use crate::syncs::Syncs;
use crate::usage::Memory;
use crate::window::{Outcome, Shape};

/// Medians over the windows, unless said otherwise.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    /// Events that count, a second.
    pub(crate) events_per_sec: Option<f64>,
    /// The same of each window, in order.
    pub(crate) each_window: Vec<f64>,
    /// Those that had arrived by the window's very end, in the scenario where a backlog can arise.
    pub(crate) in_window_per_sec: Option<f64>,
    /// From the beginning of a call to its arrival; paced only, since elsewhere it is the length of a queue.
    pub(crate) p50_ms: Option<f64>,
    /// The same, exceeded by one call in a hundred.
    pub(crate) p99_ms: Option<f64>,
    /// From the start of the program until it was ready for traffic, in the scenario where that is measured.
    pub(crate) ready_secs: Option<f64>,
    /// At the end of the last window.
    pub(crate) memory: Memory,
    /// Processor time of all windows by their accepted events.
    pub(crate) cpu_secs_per_1000: Option<f64>,
    /// Of the driver, for one event: what every subject has to share the cores with.
    pub(crate) driver_cpu_secs_per_1000: Option<f64>,
    /// `None`: not measured.
    pub(crate) per_event: Option<PerEvent>,
    /// Calls of all windows that were not answered 200.
    pub(crate) refused: usize,
    /// Accepted events of all windows that never arrived.
    pub(crate) missing: usize,
}

/// What the disk was asked for one event, in a window of its own.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct PerEvent {
    /// Calls of `fsync` and `fdatasync`.
    pub(crate) syncs: f64,
    /// Transactions.
    pub(crate) commits: f64,
}

impl PerEvent {
    pub(crate) fn new(syncs: Syncs, events: usize) -> Self {
        let by = number(events.max(1));
        Self { syncs: number(syncs.all) / by, commits: number(syncs.commits()) / by }
    }
}

impl Figures {
    /// From windows of this shape and length, in order.
    pub(crate) fn new(shape: Shape, length: Duration, outcomes: &[Outcome], memory: Memory) -> Self {
        let rate = |count: usize| number(count) / length.as_secs_f64();
        let each_window: Vec<f64> = outcomes.iter().map(|outcome| rate(outcome.counted)).collect();
        let in_window = outcomes.iter().map(|outcome| rate(outcome.in_window));
        let is_paced = matches!(shape.pace, Pace::Even { .. });
        let latency = |percent| {
            let of_window = |outcome: &Outcome| percentile(&outcome.latencies, percent).map(millis);
            median(outcomes.iter().filter_map(of_window)).filter(|_| is_paced)
        };
        Self {
            events_per_sec: median(each_window.iter().copied()),
            in_window_per_sec: median(in_window).filter(|_| shape.delivers && !is_paced),
            p50_ms: latency(50),
            p99_ms: latency(99),
            ready_secs: None,
            cpu_secs_per_1000: per_1000(outcomes, |outcome| outcome.cpu),
            driver_cpu_secs_per_1000: per_1000(outcomes, |outcome| outcome.driver_cpu),
            per_event: None,
            refused: outcomes.iter().map(|outcome| outcome.refused).sum(),
            missing: outcomes.iter().map(|outcome| outcome.missing).sum(),
            each_window,
            memory,
        }
    }
}

fn per_1000(outcomes: &[Outcome], cpu: impl Fn(&Outcome) -> Duration) -> Option<f64> {
    let events: usize = outcomes.iter().map(|outcome| outcome.accepted).sum();
    let cpu: Duration = outcomes.iter().map(cpu).sum();
    (events > 0).then(|| cpu.as_secs_f64() * 1000.0 / number(events))
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^52")]
pub(super) fn number(count: usize) -> f64 {
    count as f64
}
