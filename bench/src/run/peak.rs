//! One node on PostgreSQL, as fast as it takes calls in, beside a loop that inserts the same rows and does nothing else.
//!
//! The endpoint is paused: a delivery is written for each event, and held. Both get the same server, an empty database for each window,
//! and are measured in turn.

use super::Run;
use super::nodes::{self, ONE_NODE};
use crate::failure::Failure;
use crate::nodes::insert;
use crate::nodes::meter::{Meter, Work};
use crate::postgres::Postgres;
use crate::report::{NodeFigures, NodesGoal, NodesReport};

pub(super) async fn measure(run: &mut Run<'_>) -> Result<(), Failure> {
    let shape = nodes::saturating(run, false);
    let (mut windows, mut bare) = (Vec::new(), Vec::new());
    for round in 0..run.plan.windows {
        // Neither is always the one that comes after the other.
        if round.is_multiple_of(2) {
            bare.push(insert_window(run).await?);
        }
        windows.push(nodes::window(run, ONE_NODE, shape, true).await?);
        if !round.is_multiple_of(2) {
            bare.push(insert_window(run).await?);
        }
    }
    let ours = nodes::figures(run, ONE_NODE, shape, &windows, true).await?;
    let floor = NodeFigures::of_inserts("bare insert", run.plan.window, &bare);
    let report = NodesReport::new('j', "one node's peak", vec![ours, floor], &[NodesGoal::ShareOfInsert]);
    run.node_reports.push(report);
    Ok(())
}

/// Events that were inserted in one window, and what the server did for them.
async fn insert_window(run: &mut Run<'_>) -> Result<(usize, Work), Failure> {
    let length = run.plan.window;
    let server = run.postgres().await?;
    let name = server.create_database().await?;
    let meter = Meter::of(server).await?;
    let url = Postgres::url_by(server.sockets(), &name);
    let inserted = insert::measure(&url, length, &meter).await;
    server.drop_database(&name).await?;
    inserted
}
