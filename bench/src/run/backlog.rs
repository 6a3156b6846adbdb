//! A server with a great many pending retries of one dead endpoint beside one without. Measured is the
//! traffic of a healthy endpoint, once at an even pace and once as fast as it goes; and how soon the server
//! is ready with all that in its database.
//!
//! While one of them is measured the other is frozen: what the backlog costs is to be paid by the one that
//! has it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpSocket;

use super::Run;
use crate::args::Plan;
use crate::failure::{Failure, tell};
use crate::report::{Figures, Goal, ScenarioReport};
use crate::scenario::Heading;
use crate::seed;
use crate::subject::{self, Kind, Subject, Subscriber};
use crate::usage;
use crate::window::{Outcome, Shape};

/// The endpoint's name.
const DEAD: &str = "dead";
const COLUMNS: [&str; 2] = ["backlog", "no backlog"];
const PACED: Heading = Heading {
    letter: 'g',
    title: "200 events/s beside a backlog",
    columns: COLUMNS,
    goals: &[Goal::ReadyWithin(Duration::from_secs(5)), Goal::TailRatio(1.5)],
};
const SATURATING: Heading = Heading {
    letter: 'g',
    title: "saturating beside a backlog",
    columns: COLUMNS,
    goals: &[Goal::Share(0.9), Goal::PeakMib(250.0)],
};

/// A port of this machine that is taken and refuses every connection.
struct DeadPort {
    address: SocketAddr,
    _bound: TcpSocket,
}

/// One of the two servers, with its windows of either shape.
struct Side {
    subject: Subject,
    /// From its start until it was ready for traffic.
    ready: Duration,
    paced: Vec<Outcome>,
    saturating: Vec<Outcome>,
}

pub(super) async fn measure(run: &mut Run<'_>) -> Result<[ScenarioReport; 2], Failure> {
    let (count, dead) = (run.plan.backlog, DeadPort::take()?);
    let seed = |database: &Path| {
        tell(&format!("putting {count} pending deliveries into a database"));
        Ok(seed::fill(database, DEAD, count)?)
    };
    let mut beside = start(run, &dead, |_| Ok(())).await?;
    beside.subject.freeze().await?;
    let mut ours = start(run, &dead, seed).await?;
    ours.subject.freeze().await?;
    for round in 0..run.plan.windows {
        // Neither is always the one that comes after the other.
        let sides = if round.is_multiple_of(2) { [&mut ours, &mut beside] } else { [&mut beside, &mut ours] };
        for side in sides {
            window(run, side).await?;
        }
    }
    let [paced, saturating] = compare(run.plan, &ours, &beside)?;
    beside.end().await?;
    let folder = ours.end().await?;
    let aftermath = seed::aftermath(&subject::database(&folder), DEAD, count)?;
    Ok([paced, saturating.with_aftermath(aftermath)])
}

/// A server that was stopped once, and has found what came into its database meanwhile.
async fn start(
    run: &mut Run<'_>,
    dead: &DeadPort,
    meanwhile: impl FnOnce(&Path) -> Result<(), Failure>,
) -> Result<Side, Failure> {
    let dead =
        Subscriber { name: DEAD.into(), url: dead.url(), event_type: seed::EVENT_TYPE.into(), paused: false };
    let subscribers = [dead, Subscriber { event_type: "response.*".into(), ..run.subscriber() }];
    let subject = Subject::start(Kind::Ringback, run.setup(&subscribers, false)).await?;
    let (subject, ready) = subject.restart(run.binary, meanwhile).await?;
    run.warm_up(&subject, Shape::PACED).await?;
    run.warm_up(&subject, Shape::saturating(run.plan, true)).await?;
    Ok(Side { subject, ready, paced: Vec::new(), saturating: Vec::new() })
}

/// One window of either shape.
async fn window(run: &mut Run<'_>, side: &mut Side) -> Result<(), Failure> {
    let length = run.plan.window;
    side.subject.thaw().await?;
    side.paced.push(run.window(&side.subject, Shape::PACED, length).await?);
    let saturating = Shape::saturating(run.plan, true);
    side.saturating.push(run.window(&side.subject, saturating, length).await?);
    side.subject.freeze().await
}

fn compare(plan: Plan, ours: &Side, beside: &Side) -> Result<[ScenarioReport; 2], Failure> {
    let paced = ScenarioReport::new(PACED, ours.paced(plan)?, beside.paced(plan)?);
    let saturating = ScenarioReport::new(SATURATING, ours.saturating(plan)?, beside.saturating(plan)?);
    Ok([paced, saturating])
}

impl Side {
    fn paced(&self, plan: Plan) -> Result<Figures, Failure> {
        let memory = usage::memory(self.subject.pid())?;
        let figures = Figures::new(Shape::PACED, plan.window, &self.paced, memory);
        Ok(Figures { ready_secs: Some(self.ready.as_secs_f64()), ..figures })
    }

    fn saturating(&self, plan: Plan) -> Result<Figures, Failure> {
        let memory = usage::memory(self.subject.pid())?;
        Ok(Figures::new(Shape::saturating(plan, true), plan.window, &self.saturating, memory))
    }

    async fn end(self) -> Result<TempDir, Failure> {
        self.subject.thaw().await?;
        self.subject.stop().await
    }
}

impl DeadPort {
    /// Takes a free one. It is bound and nobody listens there.
    fn take() -> Result<Self, Failure> {
        let take = || {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            Ok(Self { address: socket.local_addr()?, _bound: socket })
        };
        take().map_err(Failure::io("take a port"))
    }

    fn url(&self) -> String {
        format!("http://{}/hooks", self.address)
    }
}
