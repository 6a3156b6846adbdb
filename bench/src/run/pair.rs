//! Two kinds of subject under the same load, and the append loop where it tells something.

use super::{Measured, Run, in_turn};
use crate::append_loop::AppendLoop;
use crate::failure::Failure;
use crate::pair::Pair;
use crate::report::{Figures, PerEvent, ScenarioReport};
use crate::subject::{Kind, Subject, Subscriber};
use crate::window::Shape;

/// What both of a pair are put to.
struct Task {
    shape: Shape,
    subscribers: Vec<Subscriber>,
}

pub(super) async fn measure(run: &mut Run<'_>, pair: Pair) -> Result<ScenarioReport, Failure> {
    let shape = pair.shape(run.plan);
    let subscribers = if shape.delivers { vec![run.subscriber()] } else { Vec::new() };
    let task = Task { shape, subscribers };
    let [first, second] = pair.subjects();
    let mut ours = start(run, first, &task).await?;
    let mut beside = start(run, second, &task).await?;
    let append_loop = match pair.has_append_loop() {
        false => None,
        true => Some(AppendLoop::start(&run.folder, run.plan, shape.delivers)?),
    };
    let mut loop_rates = Vec::new();
    for round in 0..run.plan.windows {
        for measured in in_turn(round, &mut ours, &mut beside) {
            let outcome = run.window(&measured.subject, shape, run.plan.window).await?;
            measured.outcomes.push(outcome);
        }
        if let Some(append_loop) = &append_loop {
            loop_rates.push(append_loop.measure(run.ledger(), run.plan).await?);
        }
    }
    let ours = figures(run, ours, &task).await?;
    let beside = figures(run, beside, &task).await?;
    Ok(ScenarioReport::new(pair.heading(), ours, beside).beside_append_loop(&loop_rates))
}

/// Starts a subject and warms it up.
async fn start(run: &mut Run<'_>, kind: Kind, task: &Task) -> Result<Measured, Failure> {
    let subject = Subject::start(kind, run.setup(&task.subscribers, false)).await?;
    run.warm_up(&subject, task.shape).await?;
    Ok(Measured::new(subject))
}

/// Ends a subject; counts the syncs of another one of its kind.
async fn figures(run: &mut Run<'_>, measured: Measured, task: &Task) -> Result<Figures, Failure> {
    let mut figures = measured.figures(task.shape, run.plan.window)?;
    let kind = measured.subject.kind();
    measured.subject.stop().await?;
    if run.traceable {
        figures.per_event = Some(syncs(run, kind, task).await?);
    }
    Ok(figures)
}

/// One more window of a process that is traced, whose speed therefore does not count.
async fn syncs(run: &mut Run<'_>, kind: Kind, task: &Task) -> Result<PerEvent, Failure> {
    let subject = Subject::start(kind, run.setup(&task.subscribers, true)).await?;
    run.warm_up(&subject, task.shape).await?;
    let trace = subject.trace().expect("the setup asked for it").clone();
    let before = trace.count()?;
    let outcome = run.window(&subject, task.shape, run.plan.window).await?;
    let syncs = trace.count()?.since(before);
    subject.stop().await?;
    Ok(PerEvent::new(syncs, outcome.accepted))
}
