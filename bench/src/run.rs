//! The run: scenario after scenario, the subjects in turn.

use std::path::{Path, PathBuf};

use crate::append_loop::AppendLoop;
use crate::args::{Args, Plan};
use crate::failure::{Failure, tell};
use crate::ledger::Ledger;
use crate::receiver::Receiver;
use crate::report::{Figures, PerEvent, Report, ScenarioReport};
use crate::scenario::Scenario;
use crate::subject::{Kind, Setup, Subject};
use crate::syncs::Trace;
use crate::usage;
use crate::window::{self, Outcome};

/// What all scenarios of a run share.
struct Run<'a> {
    plan: Plan,
    binary: &'a Path,
    folder: PathBuf,
    receiver: Receiver,
    /// Whether syncs can be counted here.
    traceable: bool,
    windows_begun: u32,
}

/// A subject with the windows it has had.
struct Measured {
    subject: Subject,
    outcomes: Vec<Outcome>,
}

/// Runs everything and returns the report.
pub(crate) async fn run(args: &Args, binary: &Path) -> Result<Report, Failure> {
    let scenarios = Scenario::named(&args.only)?;
    let folder = data_folder(args)?;
    let plan = args.plan();
    let receiver = Receiver::start().await?;
    let traceable = Trace::is_possible().await;
    let mut run = Run { plan, binary, folder, receiver, traceable, windows_begun: 0 };
    let mut reports = Vec::new();
    for scenario in scenarios {
        tell(&format!("({}) {}", scenario.letter(), scenario.title()));
        reports.push(run.measure(scenario).await?);
    }
    Ok(Report::new(plan, args.quick, reports))
}

/// Beside the build, because that is on a real disk where a folder for temporary files may be in memory.
fn data_folder(args: &Args) -> Result<PathBuf, Failure> {
    let action = "make the folder for data";
    let folder = match &args.data_dir {
        Some(given) => given.clone(),
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
    async fn measure(&mut self, scenario: Scenario) -> Result<ScenarioReport, Failure> {
        let [first, second] = scenario.subjects();
        let mut ours = self.start(first, scenario).await?;
        let mut beside = self.start(second, scenario).await?;
        let append_loop = match scenario.has_append_loop() {
            false => None,
            true => Some(AppendLoop::start(&self.folder, self.plan, scenario.delivers())?),
        };
        let mut loop_rates = Vec::new();
        for round in 0..self.plan.windows {
            // Neither is always the one that comes after the other.
            let order = if round % 2 == 0 { [&mut ours, &mut beside] } else { [&mut beside, &mut ours] };
            for measured in order {
                let outcome = self.window(&measured.subject, scenario, self.plan).await?;
                measured.outcomes.push(outcome);
            }
            if let Some(append_loop) = &append_loop {
                loop_rates.push(append_loop.measure(self.ledger(), self.plan).await?);
            }
        }
        let ours = self.figures(ours, scenario).await?;
        let beside = self.figures(beside, scenario).await?;
        Ok(ScenarioReport::new(scenario, ours, beside, &loop_rates))
    }

    /// Starts a subject and warms it up.
    async fn start(&mut self, kind: Kind, scenario: Scenario) -> Result<Measured, Failure> {
        let subject = Subject::start(kind, self.setup(scenario, false)).await?;
        self.warm_up(&subject, scenario).await?;
        Ok(Measured { subject, outcomes: Vec::new() })
    }

    /// Ends a subject; counts the syncs of another one of its kind.
    async fn figures(&mut self, measured: Measured, scenario: Scenario) -> Result<Figures, Failure> {
        let Measured { subject, outcomes } = measured;
        let (kind, memory) = (subject.kind(), usage::memory(subject.pid())?);
        subject.stop().await?;
        let per_event = if self.traceable { Some(self.syncs(kind, scenario).await?) } else { None };
        Ok(Figures::new(self.plan, scenario, &outcomes, memory, per_event))
    }

    /// One more window of a process that is traced, whose speed therefore does not count.
    async fn syncs(&mut self, kind: Kind, scenario: Scenario) -> Result<PerEvent, Failure> {
        let subject = Subject::start(kind, self.setup(scenario, true)).await?;
        self.warm_up(&subject, scenario).await?;
        let trace = subject.trace().expect("the setup asked for it").clone();
        let before = trace.count()?;
        let outcome = self.window(&subject, scenario, self.plan).await?;
        let syncs = trace.count()?.since(before);
        subject.stop().await?;
        Ok(PerEvent::new(syncs, outcome.accepted))
    }

    async fn warm_up(&mut self, subject: &Subject, scenario: Scenario) -> Result<(), Failure> {
        let short = Plan { window: self.plan.warm_up, ..self.plan };
        self.window(subject, scenario, short).await.map(drop)
    }

    async fn window(
        &mut self,
        subject: &Subject,
        scenario: Scenario,
        plan: Plan,
    ) -> Result<Outcome, Failure> {
        let ledger = self.ledger();
        window::measure(subject, &self.receiver, scenario, plan, ledger).await
    }

    fn ledger(&mut self) -> Ledger {
        self.windows_begun += 1;
        Ledger::new(self.windows_begun)
    }

    fn setup(&self, scenario: Scenario, traced: bool) -> Setup<'_> {
        let receiver = scenario.delivers().then(|| self.receiver.url());
        Setup { binary: self.binary, folder: &self.folder, receiver, traced }
    }
}
