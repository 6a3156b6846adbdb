//! One node after the other is stopped in good order, under load: nothing is lost, and nothing is sent twice.

use std::time::Duration;

use ringback_testkit::{Cluster, SpreadLoad, SpreadPlan, postgres::Database, secret, until};

use crate::apps::{AT_ONCE, Apps};
use crate::audit::{InFlight, audit, calm};
use crate::books::Books;
use crate::{gentle_load, node_on};

const NODES: usize = 3;
/// How many calls are acknowledged between two stops.
const BETWEEN: usize = 60;

async fn more_acknowledged(load: &SpreadLoad) {
    let enough = load.acknowledged_so_far() + BETWEEN;
    until("more calls to be acknowledged", || async { (load.acknowledged_so_far() >= enough).then_some(()) })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_stopped_in_good_order_makes_no_doubles() {
    let database = Database::create();
    let books = Books::open(&database.url()).await;
    let mut cluster = Cluster::start(&node_on(&database.url()), NODES).await;
    let apps = Apps::start(cluster.node(0)).await;
    let urls = cluster.create_source(&secret(1)).await;
    // Nobody is passed by who is only slow: a call that is left behind at a node that stops is its caller's
    // to repeat.
    let plan = SpreadPlan { patience: Duration::from_secs(20), ..gentle_load("graceful") };
    let load = SpreadLoad::start(&urls, &plan);
    for node in 0..NODES {
        more_acknowledged(&load).await;
        cluster.stop(node).await;
        more_acknowledged(&load).await;
        cluster.start_again(node).await;
    }
    more_acknowledged(&load).await;
    let ledger = load.stop().await;
    calm(cluster.node(0)).await;
    let findings = audit(&books, &apps, &ledger, &InFlight::new()).await;
    println!(
        "{NODES} stops; {findings}; {} without an answer, refused: {:?}",
        ledger.unanswered, ledger.refusals
    );
    assert_eq!(findings.doubles, 0, "{:?}\n{}", findings.unexplained, cluster.talk());
    assert!(findings.most_at_once <= AT_ONCE, "{}", findings.most_at_once);
    cluster.terminate().await;
}
