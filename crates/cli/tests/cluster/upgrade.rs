//! A rolling upgrade: nodes of this version beside one of the next, which has expanded the schema, under
//! load. The old ones work on, also after they were killed and started again; what they need is not removed
//! while one of them lives.

use std::time::{Duration, Instant};

use ringback_store::{Migrate, OpenError, PostgresAddress, Schema, migrate_to};
use ringback_testkit::{
    Acknowledged, Cluster, SpreadLedger, SpreadLoad, postgres::Database, secret, until_at_last,
};

use crate::apps::Apps;
use crate::audit::{InFlight, audit, calm};
use crate::books::Books;
use crate::next_node::NextNode;
use crate::{gentle_load, node_on};

const OLD_NODES: usize = 2;
/// How many calls are acknowledged between two steps.
const BETWEEN: usize = 40;
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(20);

/// What the next version knows besides.
fn next() -> Schema {
    let more = "ALTER TABLE deliveries ADD COLUMN note TEXT NOT NULL DEFAULT ''; CREATE INDEX ON deliveries (note) WHERE note <> ''";
    Schema::default().followed_by("expand_notes", more).unwrap()
}

/// What the version after that knows besides.
fn contracted() -> Schema {
    next().followed_by("contract_notes", "ALTER TABLE deliveries DROP COLUMN note").unwrap()
}

async fn more_acknowledged(load: &SpreadLoad) {
    let enough = load.acknowledged_so_far() + BETWEEN;
    until_at_last("more calls to be acknowledged", PATIENCE, LOOK, || async {
        (load.acknowledged_so_far() >= enough).then_some(())
    })
    .await;
}

/// Makes events at the new node; they count as acknowledged by it.
async fn publish(next_node: &NextNode, round: usize, ledger: &mut SpreadLedger) {
    for number in 0..BETWEEN {
        let webhook_id = format!("next_{round}_{number}");
        next_node.publish(&webhook_id).await;
        let acknowledged = Acknowledged { node: OLD_NODES, at: Instant::now(), tries: 1 };
        ledger.acknowledged.insert(webhook_id, acknowledged);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_of_this_version_work_beside_the_next_until_the_last_of_them_has_gone() {
    let database = Database::create();
    let mut books = Books::open(&database.url()).await;
    let builder = node_on(&database.url());
    let mut cluster = Cluster::start(&builder, 1).await;
    let first = books.newcomer().await;
    for _ in 1..OLD_NODES {
        cluster.add(&builder).await;
    }
    let apps = Apps::start(cluster.node(0)).await;
    let urls = cluster.create_source(&secret(1)).await;
    let load = SpreadLoad::start(&urls, &gentle_load("old"));
    let mut published = SpreadLedger::default();
    more_acknowledged(&load).await;

    let next_node = NextNode::start(&database.url(), next()).await;
    publish(&next_node, 100, &mut published).await;
    more_acknowledged(&load).await;
    cluster.kill(0).await;
    let mut in_flight = InFlight::new();
    for key in books.held_by(&first).await {
        in_flight.insert(key, 1);
    }
    more_acknowledged(&load).await;
    cluster.start_again(0).await;
    publish(&next_node, 101, &mut published).await;
    more_acknowledged(&load).await;

    let address: PostgresAddress = database.url().parse().unwrap();
    let last = contracted();
    let contract = || migrate_to(&address, &last, Migrate::Contract);
    let refused = contract().await.expect_err("nodes live that do not know it");
    assert!(matches!(refused, OpenError::OlderNodes { .. }), "{refused:?}");
    more_acknowledged(&load).await;

    let mut ledger = load.stop().await;
    ledger.acknowledged.append(&mut published.acknowledged);
    calm(cluster.node(0)).await;
    let findings = audit(&books, &apps, &ledger, &in_flight).await;
    println!(
        "{findings}; in flight at the kill: {}; by node: {:?}",
        in_flight.len(),
        ledger.by_node(OLD_NODES + 1)
    );
    assert!(findings.unexplained.is_empty(), "{:?}\n{}", findings.unexplained, cluster.talk());
    next_node.stop().await;
    cluster.terminate().await;
    assert_eq!(contract().await.unwrap().applied, ["V3__contract_notes"]);
    let refused = builder.try_start().await.expect_err("what it needs may be gone");
    assert!(refused.talk.contains("V3__contract_notes"), "{}", refused.talk);
}
