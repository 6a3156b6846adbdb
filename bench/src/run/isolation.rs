//! Two hundred endpoints, of which twenty misbehave at the one subject and none at the other. Measured are
//! the healthy ones.
//!
//! Both run all the time, so that what the bad endpoints leave behind stays from window to window, and is
//! retried during the other's windows too: that is a few dozen attempts a second.

use super::{Measured, Run, in_turn};
use crate::failure::Failure;
use crate::report::{Goal, ScenarioReport};
use crate::scenario::Heading;
use crate::spread;
use crate::subject::{Kind, Subject};
use crate::window::Shape;

const HEADING: Heading = Heading {
    letter: 'f',
    title: "200 events/s over 200 endpoints",
    columns: ["20 of 200 bad", "none bad"],
    goals: &[Goal::TailRatio(1.5)],
};

pub(super) async fn measure(run: &mut Run<'_>) -> Result<ScenarioReport, Failure> {
    let shape = Shape::PACED;
    let mut ours = start(run, true).await?;
    let mut beside = start(run, false).await?;
    for round in 0..run.plan.windows {
        for measured in in_turn(round, &mut ours, &mut beside) {
            let outcome = run.window(&measured.subject, shape, run.plan.isolation_window).await?;
            measured.outcomes.push(outcome);
        }
    }
    let figures = [&ours, &beside].map(|measured| measured.figures(shape, run.plan.isolation_window));
    // Asked to stop, it would wait for the endpoints that hang.
    ours.subject.kill().await?;
    beside.subject.kill().await?;
    let [ours, beside] = figures;
    Ok(ScenarioReport::new(HEADING, ours?, beside?))
}

async fn start(run: &mut Run<'_>, misbehaving: bool) -> Result<Measured, Failure> {
    let subscribers = spread::subscribers(&run.receiver, misbehaving);
    let subject = Subject::start(Kind::Spread, run.setup(&subscribers, false)).await?;
    run.warm_up(&subject, Shape::PACED).await?;
    Ok(Measured::new(subject))
}
