//! One node on SQLite, one on PostgreSQL, and three on PostgreSQL, at the same rates and then as fast as each
//! goes. Measured is what an event costs all nodes together and the server.
//!
//! Each window is that of nodes just started on an empty database, so that nobody pays for another's idle
//! polling. Round trips, and SQLite's commits, are counted in a window of their own; so is what nodes do
//! while nothing comes.

use std::time::Duration;

use tokio::time::sleep;

use super::Run;
use crate::failure::Failure;
use crate::load::{Call, Pace};
use crate::nodes::meter::{Meter, Work};
use crate::nodes::relay::Relay;
use crate::nodes::{Nodes, Setup};
use crate::postgres::Postgres;
use crate::report::{Idle, NodeFigures, NodesGoal, NodesReport};
use crate::window::{self, Outcome, Shape};

/// Connections that are kept full, for each of the run's: nodes write what waits together, and so little
/// waits that it is seldom much if each of few callers waits for an answer.
pub(super) const CONNECTIONS_FACTOR: u32 = 4;
/// How long it is watched what nodes do while nothing comes.
const IDLE: Duration = Duration::from_secs(5);

/// How many nodes, on what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cast {
    name: &'static str,
    on_postgres: bool,
    count: usize,
    call: Call,
}

const CASTS: [Cast; 3] = [
    Cast { name: "SQLite", on_postgres: false, ..ONE_NODE },
    ONE_NODE,
    Cast { name: "three nodes", count: 3, ..ONE_NODE },
];
/// One node on PostgreSQL.
const ONE_NODE: Cast = Cast { name: "one node", on_postgres: true, count: 1, call: Call::Signed };

impl Cast {
    /// One node on PostgreSQL that takes such calls.
    pub(super) fn of_one(name: &'static str, call: Call) -> Self {
        Self { name, call, ..ONE_NODE }
    }
}

pub(super) async fn measure(run: &mut Run<'_>) -> Result<(), Failure> {
    for &per_second in run.rates {
        let paced = Shape { pace: Pace::Even { per_second }, delivers: true };
        let goals = &[NodesGoal::Commits, NodesGoal::CpuOfThree];
        let report = compare(run, paced, format!("{per_second} events/s"), goals).await?;
        run.node_reports.push(report);
    }
    let report = compare(run, saturating(run, true), "saturating".to_owned(), &[NodesGoal::Commits]).await?;
    run.node_reports.push(report);
    Ok(())
}

/// As many calls as are answered, of many at once.
pub(super) fn saturating(run: &Run<'_>, delivers: bool) -> Shape {
    Shape { pace: Pace::Full { connections: run.plan.connections * CONNECTIONS_FACTOR }, delivers }
}

async fn compare(
    run: &mut Run<'_>,
    shape: Shape,
    title: String,
    goals: &'static [NodesGoal],
) -> Result<NodesReport, Failure> {
    let mut windows: [Vec<Window>; CASTS.len()] = Default::default();
    for round in 0..run.plan.windows as usize {
        // None is always the one that comes after the same other.
        for turn in 0..CASTS.len() {
            let which = (round + turn) % CASTS.len();
            windows[which].push(window(run, CASTS[which], shape, false).await?);
        }
    }
    let mut columns = Vec::new();
    for (cast, windows) in CASTS.into_iter().zip(windows) {
        columns.push(figures(run, cast, shape, &windows, false).await?);
    }
    Ok(NodesReport::new('h', title, columns, goals))
}

/// What came of one window.
pub(super) struct Window {
    outcome: Outcome,
    /// Of the server, if there is one.
    work: Option<Work>,
}

/// One window of nodes just started; `holds` means that what comes is not delivered.
pub(super) async fn window(
    run: &mut Run<'_>,
    cast: Cast,
    shape: Shape,
    holds: bool,
) -> Result<Window, Failure> {
    let stage = Stage::set(run, cast, false, holds).await?;
    let window = stage.play(run, shape, run.plan.window).await;
    stage.strike(run).await?;
    window
}

/// Nodes with their database.
struct Stage {
    nodes: Nodes,
    meter: Option<Meter>,
    relay: Option<Relay>,
    database: Option<String>,
}

impl Stage {
    /// Starts nodes on an empty database; `counted` has their round trips or syncs counted.
    async fn set(run: &mut Run<'_>, cast: Cast, counted: bool, holds: bool) -> Result<Self, Failure> {
        let subscriber = crate::subject::Subscriber { paused: holds, ..run.subscriber() };
        let (binary, folder) = (run.binary, run.folder.clone());
        let traced = counted && !cast.on_postgres && run.traceable;
        let (mut meter, mut relay, mut database, mut url) = (None, None, None, None);
        if cast.on_postgres {
            let server = run.postgres().await?;
            let name = server.create_database().await?;
            meter = Some(Meter::of(server).await?);
            relay = if counted { Some(Relay::start(server.sockets())?) } else { None };
            let sockets = relay.as_ref().map_or(server.sockets(), Relay::sockets);
            url = Some(Postgres::url_by(sockets, &name));
            database = Some(name);
        }
        let setup = Setup {
            binary,
            folder: &folder,
            database: url.as_deref(),
            count: cast.count,
            call: cast.call,
            subscriber: &subscriber,
            traced,
        };
        Ok(Self { nodes: Nodes::start(setup).await?, meter, relay, database })
    }

    /// A window, after one that does not count.
    async fn play(&self, run: &mut Run<'_>, shape: Shape, length: Duration) -> Result<Window, Failure> {
        self.load(run, shape, run.plan.warm_up).await?;
        let before = self.work().await?;
        let outcome = self.load(run, shape, length).await?;
        let after = self.work().await?;
        Ok(Window { outcome, work: after.zip(before).map(|(after, before)| after - before) })
    }

    async fn load(&self, run: &mut Run<'_>, shape: Shape, length: Duration) -> Result<Outcome, Failure> {
        let ledger = run.ledger();
        window::measure(self.nodes.bearer(), &run.receiver, shape, length, ledger).await
    }

    async fn work(&self) -> Result<Option<Work>, Failure> {
        match &self.meter {
            Some(meter) => meter.read().await.map(Some),
            None => Ok(None),
        }
    }

    /// What is done while nothing comes.
    async fn idle(&self) -> Result<Idle, Failure> {
        let trips = self.relay.as_ref().map(Relay::trips);
        let (cpu, work) = (self.nodes.bearer().cpu_time()?, self.work().await?);
        sleep(IDLE).await;
        let nodes = self.nodes.bearer().cpu_time()?.saturating_sub(cpu);
        let work = self.work().await?.zip(work).map(|(after, before)| after - before);
        let trips = self.relay.as_ref().map(Relay::trips).zip(trips).map(|(after, before)| after - before);
        Ok(Idle::new(IDLE, nodes, work, trips))
    }

    async fn strike(self, run: &mut Run<'_>) -> Result<(), Failure> {
        self.nodes.stop().await?;
        match &self.database {
            Some(name) => run.postgres().await?.drop_database(name).await,
            None => Ok(()),
        }
    }
}

/// The figures of windows; and of one more, whose speed does not count.
pub(super) async fn figures(
    run: &mut Run<'_>,
    cast: Cast,
    shape: Shape,
    windows: &[Window],
    holds: bool,
) -> Result<NodeFigures, Failure> {
    let outcomes: Vec<(&Outcome, Option<Work>)> = windows.iter().map(|w| (&w.outcome, w.work)).collect();
    let mut figures = NodeFigures::new(cast.name, run.plan.window, shape, &outcomes);
    let stage = Stage::set(run, cast, true, holds).await?;
    stage.load(run, shape, run.plan.warm_up).await?;
    let (trips, syncs) = (stage.relay.as_ref().map(Relay::trips), stage.nodes.syncs()?);
    let outcome = stage.load(run, shape, run.plan.window).await?;
    if let (Some(relay), Some(before)) = (&stage.relay, trips) {
        figures.count_trips(relay.trips() - before, outcome.accepted);
    }
    if let (Some(after), Some(before)) = (stage.nodes.syncs()?, syncs) {
        figures.count_commits(after.since(before).commits(), outcome.accepted);
    }
    figures.idle = Some(stage.idle().await?);
    stage.strike(run).await?;
    Ok(figures)
}
