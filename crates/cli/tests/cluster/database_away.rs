//! PostgreSQL is restarted, crashes, stands still and has its connections cut, under load: ingest says 503 meanwhile and loses nothing,
//! `/readyz` says so, and all goes on by itself.

use std::time::{Duration, Instant};

use ringback_testkit::{Cluster, SpreadLoad, SpreadPlan, postgres::OwnServer, secret, until_at_last};

use crate::apps::Apps;
use crate::audit::{InFlight, audit, calm};
use crate::books::Books;
use crate::{gentle_load, node_on};

const NODES: usize = 2;
/// The longest that a caller may be left without an answer, whatever the server does.
const ANSWER_BOUND: Duration = Duration::from_secs(15);
/// How long it may take until a node is ready again once the server is back.
const BACK_BOUND: Duration = Duration::from_secs(10);
/// How long the server stands still: longer than a heartbeat may be missed.
const FREEZE: Duration = Duration::from_secs(8);
const LOOK: Duration = Duration::from_millis(20);
/// How many calls are acknowledged between two troubles.
const BETWEEN: usize = 40;

/// The nodes and the load on them.
struct Scene {
    server: OwnServer,
    cluster: Cluster,
    load: SpreadLoad,
}

impl Scene {
    /// Waits until so many more calls have been acknowledged.
    async fn flows(&self) {
        let enough = self.load.acknowledged_so_far() + BETWEEN;
        self.reaches("calls to be acknowledged", || self.load.acknowledged_so_far() >= enough).await;
    }

    /// Waits until more calls are refused and each node says that it is not ready.
    async fn is_away(&self) {
        let enough = self.load.refused_so_far() + 1;
        self.reaches("calls to be refused", || self.load.refused_so_far() >= enough).await;
        for node in 0..NODES {
            self.cluster.node(node).readiness(503).await;
        }
    }

    /// Waits until each node says that it is ready again.
    async fn is_back(&self, what: &str) {
        let begun = Instant::now();
        for node in 0..NODES {
            self.cluster.node(node).readiness(200).await;
        }
        let after = begun.elapsed();
        println!("{what}: ready again after {after:?}");
        assert!(after < BACK_BOUND, "{what}: {after:?}\n{}", self.cluster.talk());
        self.flows().await;
    }

    async fn restart(&self, mode: &str) {
        self.server.stop(mode);
        self.is_away().await;
        self.server.start_again();
        self.is_back(&format!("restarted, {mode}")).await;
    }

    async fn stand_still(&self) {
        let begun = Instant::now();
        self.server.freeze().await;
        self.is_away().await;
        tokio::time::sleep(FREEZE.saturating_sub(begun.elapsed())).await;
        self.server.thaw().await;
        self.is_back("frozen").await;
    }

    async fn cut_connections(&self, times: usize) {
        for _ in 0..times {
            let cut = self.server.cut_connections().await;
            assert!(cut >= NODES, "each node was connected");
            self.flows().await;
        }
        self.is_back("connections cut").await;
    }

    async fn reaches(&self, what: &str, is_so: impl Fn() -> bool) {
        until_at_last(what, ANSWER_BOUND + BACK_BOUND, LOOK, || async { is_so().then_some(()) }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_while_the_database_is_restarted_cut_off_and_frozen() {
    let server = OwnServer::start();
    let cluster = Cluster::start(&node_on(server.url()), NODES).await;
    let apps = Apps::start(cluster.node(0)).await;
    let urls = cluster.create_source(&secret(1)).await;
    // Each answer is waited for, so that the longest is known.
    let plan = SpreadPlan { patience: 2 * ANSWER_BOUND, ..gentle_load("away") };
    let scene = Scene { load: SpreadLoad::start(&urls, &plan), server, cluster };
    scene.flows().await;
    scene.cut_connections(3).await;
    scene.restart("fast").await;
    scene.stand_still().await;
    scene.restart("immediate").await;
    scene.cut_connections(2).await;

    let Scene { server, cluster, load } = scene;
    let ledger = load.stop().await;
    let calm_after = calm(cluster.node(0)).await;
    let books = Books::open(server.url()).await;
    let findings = audit(&books, &apps, &ledger, &InFlight::new()).await;
    println!(
        "{findings}; refused: {:?}, {} without an answer, the slowest answer after {:?}; calm after {calm_after:?}",
        ledger.refusals, ledger.unanswered, ledger.slowest
    );
    assert!(ledger.slowest < ANSWER_BOUND, "{:?}", ledger.slowest);
    assert_eq!(ledger.unanswered, 0, "a node that is up answers");
    assert!(findings.unexplained.is_empty(), "{:?}\n{}", findings.unexplained, cluster.talk());
    cluster.terminate().await;
}
