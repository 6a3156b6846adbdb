//! The run: scenario after scenario, the subjects in turn.

mod backlog;
mod isolation;
mod nodes;
mod pair;
mod peak;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::args::{Args, Plan};
use crate::failure::{Failure, tell};
use crate::ledger::Ledger;
use crate::postgres::{self, Postgres};
use crate::receiver::{Manner, Receiver};
use crate::report::{Figures, NodesReport, Report, ScenarioReport};
use crate::scenario::Scenario;
use crate::subject::{Setup, Subject, Subscriber};
use crate::syncs::Trace;
use crate::usage;
use crate::window::{self, Bearer, Outcome, Shape};

/// What all scenarios of a run share.
struct Run<'a> {
    plan: Plan,
    /// Calls a second of each paced load on nodes.
    rates: &'a [u32],
    binary: &'a Path,
    folder: PathBuf,
    receiver: Receiver,
    /// Whether syncs can be counted here.
    traceable: bool,
    windows_begun: u32,
    /// Started when it is first needed.
    postgres: Option<Postgres>,
    node_reports: Vec<NodesReport>,
}

/// A subject with the windows it has had.
struct Measured {
    subject: Subject,
    outcomes: Vec<Outcome>,
}

/// Runs everything and returns the report.
pub(crate) async fn run(args: &Args, binary: &Path) -> Result<Report, Failure> {
    let scenarios = Scenario::named(&args.only)?;
    let folder = data_folder(args.data_dir.as_deref())?;
    let plan = args.plan();
    let receiver = Receiver::start().await?;
    let traceable = Trace::is_possible().await;
    let mut run = Run {
        plan,
        rates: &args.rates,
        binary,
        folder,
        receiver,
        traceable,
        windows_begun: 0,
        postgres: None,
        node_reports: Vec::new(),
    };
    let mut reports = Vec::new();
    for scenario in scenarios {
        if args.only.is_empty() && scenario.needs_postgres() && !postgres::is_installed() {
            tell(&format!("({}) is left out: PostgreSQL is not installed", scenario.letter()));
            continue;
        }
        tell(&format!("({}) {}", scenario.letter(), scenario.title()));
        reports.extend(run.measure(scenario).await?);
    }
    Ok(Report::new(plan, args.quick, traceable, reports, run.node_reports))
}

/// Beside the build, because that is on a real disk where a folder for temporary files may be in memory.
pub(crate) fn data_folder(given: Option<&Path>) -> Result<PathBuf, Failure> {
    let action = "make the folder for data";
    let folder = match given {
        Some(given) => given.to_owned(),
        None => {
            let program = std::env::current_exe().map_err(Failure::io("find this program"))?;
            // target/release/ringback-bench
            program.ancestors().nth(2).unwrap_or(Path::new(".")).join("bench-data")
        }
    };
    std::fs::create_dir_all(&folder).map_err(Failure::io(action))?;
    std::path::absolute(folder).map_err(Failure::io(action))
}

impl Run<'_> {
    async fn measure(&mut self, scenario: Scenario) -> Result<Vec<ScenarioReport>, Failure> {
        match scenario {
            Scenario::Pair(pair) => pair::measure(self, pair).await.map(|report| vec![report]),
            Scenario::Isolation => isolation::measure(self).await.map(|report| vec![report]),
            Scenario::Backlog => backlog::measure(self).await.map(Vec::from),
            Scenario::Nodes => nodes::measure(self).await.map(|()| Vec::new()),
            Scenario::Peak => peak::measure(self).await.map(|()| Vec::new()),
        }
    }

    async fn warm_up(&mut self, subject: &Subject, shape: Shape) -> Result<(), Failure> {
        self.window(subject, shape, self.plan.warm_up).await.map(drop)
    }

    async fn window(
        &mut self,
        subject: &Subject,
        shape: Shape,
        length: Duration,
    ) -> Result<Outcome, Failure> {
        let ledger = self.ledger();
        let (targets, call, pids) = ([subject.ingest().clone()], subject.kind().call(), [subject.pid()]);
        let bearer = Bearer { targets: &targets, call, pids: &pids };
        window::measure(bearer, &self.receiver, shape, length, ledger).await
    }

    fn ledger(&mut self) -> Ledger {
        self.windows_begun += 1;
        Ledger::new(self.windows_begun)
    }

    /// The server of this run.
    async fn postgres(&mut self) -> Result<&Postgres, Failure> {
        if self.postgres.is_none() {
            self.postgres = Some(Postgres::start(&self.folder, &[]).await?);
        }
        self.postgres.as_ref().ok_or(Failure::NoPostgres)
    }

    /// An endpoint for everything, at the receiver.
    fn subscriber(&self) -> Subscriber {
        Subscriber {
            name: "bench".into(),
            url: self.receiver.url(Manner::Prompt),
            event_type: "*".into(),
            paused: false,
        }
    }

    fn setup<'s>(&'s self, subscribers: &'s [Subscriber], traced: bool) -> Setup<'s> {
        Setup { binary: self.binary, folder: &self.folder, subscribers, traced }
    }
}

impl Measured {
    fn new(subject: Subject) -> Self {
        Self { subject, outcomes: Vec::new() }
    }

    /// The figures of windows of this shape and length.
    fn figures(&self, shape: Shape, length: Duration) -> Result<Figures, Failure> {
        let memory = usage::memory(self.subject.pid())?;
        Ok(Figures::new(shape, length, &self.outcomes, memory))
    }
}

/// Both, the one that comes first being another one in each round: neither is always the one that comes after
/// the other.
fn in_turn<'m>(round: u32, ours: &'m mut Measured, beside: &'m mut Measured) -> [&'m mut Measured; 2] {
    if round.is_multiple_of(2) { [ours, beside] } else { [beside, ours] }
}
