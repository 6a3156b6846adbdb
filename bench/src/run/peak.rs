//! One node on PostgreSQL, as fast as it takes events in, beside a loop that inserts the same rows and does
//! nothing else.
//!
//! Events come as calls, one in each, and as publications of a hundred: with calls HTTP and signatures are
//! most of the work. The endpoint is paused: a delivery is written for each event, and held. All get the same
//! server, an empty database for each window, and are measured in turn.

use super::Run;
use super::nodes::{self, Cast, Window};
use crate::failure::Failure;
use crate::load::{Call, Pace};
use crate::nodes::insert;
use crate::nodes::meter::{Meter, Work};
use crate::pair::EVENTS_PER_BATCH;
use crate::postgres::Postgres;
use crate::report::{NodeFigures, NodesGoal, NodesReport};
use crate::window::Shape;

/// Connections that are kept full of publications: so many events as fill a few transactions.
const PUBLISHERS: u32 = 64;

pub(super) async fn measure(run: &mut Run<'_>) -> Result<(), Failure> {
    let batches = Shape { pace: Pace::Full { connections: PUBLISHERS }, delivers: false };
    let calls = nodes::saturating(run, false);
    let cast = Cast::of_one("batches of 100", Call::PublishedTogether(EVENTS_PER_BATCH));
    compare(run, cast, batches, false, "publishing", &[NodesGoal::ShareOfInsert]).await?;
    compare(run, Cast::of_one("calls", Call::Signed), calls, true, "taking calls in", &[]).await
}

async fn compare(
    run: &mut Run<'_>,
    cast: Cast,
    shape: Shape,
    receipts: bool,
    title: &str,
    goals: &'static [NodesGoal],
) -> Result<(), Failure> {
    let (mut windows, mut bare) = (Vec::<Window>::new(), Vec::new());
    for round in 0..run.plan.windows {
        // Neither is always the one that comes after the other.
        if round.is_multiple_of(2) {
            bare.push(insert_window(run, receipts).await?);
        }
        windows.push(nodes::window(run, cast, shape, true).await?);
        if !round.is_multiple_of(2) {
            bare.push(insert_window(run, receipts).await?);
        }
    }
    let ours = nodes::figures(run, cast, shape, &windows, true).await?;
    let floor = NodeFigures::of_inserts("bare insert", run.plan.window, &bare);
    let report = NodesReport::new('j', format!("one node's peak, {title}"), vec![ours, floor], goals);
    run.node_reports.push(report);
    Ok(())
}

/// Events that were inserted in one window, and what the server did for them.
async fn insert_window(run: &mut Run<'_>, receipts: bool) -> Result<(usize, Work), Failure> {
    let length = run.plan.window;
    let server = run.postgres().await?;
    let name = server.create_database().await?;
    let meter = Meter::of(server).await?;
    let url = Postgres::url_by(server.sockets(), &name);
    let inserted = insert::measure(&url, receipts, length, &meter).await;
    server.drop_database(&name).await?;
    inserted
}
