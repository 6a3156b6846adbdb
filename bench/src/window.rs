//! One window: a load on one subject, and what came of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::connection::Target;
use crate::failure::Failure;
use crate::ledger::Ledger;
use crate::load::{Call, Load, Pace};
use crate::receiver::Receiver;
use crate::usage;

/// How long after the window's end an event may still arrive and count.
const GRACE: Duration = Duration::from_secs(2);
/// How long a backlog may take to go away before the next window begins all the same.
const LONGEST_DRAIN: Duration = Duration::from_secs(60);
/// Between the last arrival and the end of the measurement: the attempt is still to be recorded.
const SETTLE: Duration = Duration::from_millis(100);

/// What is done in a window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// How fast calls are made.
    pub(crate) pace: Pace,
    /// Whether events are delivered, and count only if they arrive.
    pub(crate) delivers: bool,
}

/// What is under the load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bearer<'a> {
    /// Where it takes calls: on each of these in turn.
    pub(crate) targets: &'a [Target],
    /// What calls it takes.
    pub(crate) call: Call,
    /// Its processes.
    pub(crate) pids: &'a [u32],
}

/// What came of a window.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Events that count: answered within the window, or, if they are delivered, arrived by its end and
    /// [`GRACE`].
    pub(crate) counted: usize,
    /// Of those that are delivered, the ones that had arrived by the window's very end.
    pub(crate) in_window: usize,
    /// Every event that was accepted, counted or not.
    pub(crate) accepted: usize,
    /// Calls that were not answered 200.
    pub(crate) refused: usize,
    /// Accepted events that had not arrived when the waiting ended.
    pub(crate) missing: usize,
    /// From the beginning of a call to its arrival, shortest first.
    pub(crate) latencies: Vec<Duration>,
    /// Processor time of the subject.
    pub(crate) cpu: Duration,
    /// Processor time of the driver.
    pub(crate) driver_cpu: Duration,
}

impl Bearer<'_> {
    /// Processor time of all its processes so far.
    pub(crate) fn cpu_time(self) -> Result<Duration, Failure> {
        self.pids.iter().map(|pid| usage::cpu_time(*pid)).sum()
    }
}

/// Measures one window of a subject, `length` long.
pub(crate) async fn measure(
    bearer: Bearer<'_>,
    receiver: &Receiver,
    Shape { pace, delivers }: Shape,
    length: Duration,
    ledger: Ledger,
) -> Result<Outcome, Failure> {
    let ledger = Arc::new(ledger);
    receiver.open(&ledger);
    let load = Load::connect(bearer.targets, bearer.call, pace).await?;
    let (cpu, driver_cpu) = (bearer.cpu_time()?, usage::cpu_time(std::process::id())?);
    let end = Instant::now() + length;
    load.run(&ledger, end).await?;
    if delivers {
        drain(&ledger).await;
    }
    sleep(SETTLE).await;
    let (cpu_after, driver_cpu_after) = (bearer.cpu_time()?, usage::cpu_time(std::process::id())?);
    let last = (end + GRACE).into_std();
    let end = end.into_std();
    Ok(Outcome {
        counted: if delivers { ledger.arrived_by(last) } else { ledger.accepted_by(end) },
        in_window: ledger.arrived_by(end),
        accepted: ledger.accepted_by(std::time::Instant::now()),
        refused: ledger.refused(),
        missing: if delivers { ledger.under_way() } else { 0 },
        latencies: ledger.latencies(),
        cpu: cpu_after.saturating_sub(cpu),
        driver_cpu: driver_cpu_after.saturating_sub(driver_cpu),
    })
}

/// Waits until everything accepted has arrived, so that the next window begins with nothing left over.
async fn drain(ledger: &Ledger) {
    let patience_ends = Instant::now() + LONGEST_DRAIN;
    while ledger.under_way() > 0 && Instant::now() < patience_ends {
        sleep(Duration::from_millis(20)).await;
    }
}
