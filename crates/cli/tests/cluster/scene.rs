//! Nodes under load whose database gets into trouble and out of it again.

use std::time::{Duration, Instant};

use ringback_testkit::{Cluster, SpreadLoad, SpreadPlan, secret, until_at_last};

use crate::apps::Apps;
use crate::audit::{InFlight, audit, calm};
use crate::books::Books;
use crate::{gentle_load, node_on};

/// How many nodes there are.
pub(crate) const NODES: usize = 2;
/// The longest that a caller may be left without an answer, whatever the server does.
pub(crate) const ANSWER_BOUND: Duration = Duration::from_secs(15);
/// How long it may take until a node is ready again once the server is back.
const BACK_BOUND: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);
/// How many calls are acknowledged between two troubles.
const BETWEEN: usize = 40;

/// The nodes, the apps, and the load.
pub(crate) struct Scene {
    pub(crate) cluster: Cluster,
    pub(crate) load: SpreadLoad,
    apps: Apps,
}

impl Scene {
    /// Starts it on this database; calls are being acknowledged when this returns.
    pub(crate) async fn start(name: &str, database: &str) -> Self {
        let cluster = Cluster::start(&node_on(database), NODES).await;
        let apps = Apps::start(cluster.node(0)).await;
        let urls = cluster.create_source(&secret(1)).await;
        // Each answer is waited for, so that the longest is known.
        let plan = SpreadPlan { patience: 2 * ANSWER_BOUND, ..gentle_load(name) };
        let scene = Self { load: SpreadLoad::start(&urls, &plan), cluster, apps };
        scene.flows().await;
        scene
    }

    /// Waits until so many more calls have been acknowledged.
    pub(crate) async fn flows(&self) {
        let enough = self.load.acknowledged_so_far() + BETWEEN;
        self.reaches("calls to be acknowledged", || self.load.acknowledged_so_far() >= enough).await;
    }

    /// Waits until the next call is acknowledged.
    pub(crate) async fn next_is_acknowledged(&self) {
        let enough = self.load.acknowledged_so_far() + 1;
        self.reaches("a call to be acknowledged", || self.load.acknowledged_so_far() >= enough).await;
    }

    /// Waits until so many more calls have been refused.
    pub(crate) async fn are_refused(&self, calls: usize) {
        let enough = self.load.refused_so_far() + calls;
        self.reaches("calls to be refused", || self.load.refused_so_far() >= enough).await;
    }

    /// Waits until more calls are refused and each node says that it is not ready.
    pub(crate) async fn is_away(&self) {
        self.are_refused(1).await;
        for node in 0..NODES {
            self.cluster.node(node).readiness(503).await;
        }
    }

    /// Waits until each node says that it is ready again.
    pub(crate) async fn is_back(&self, what: &str) {
        let begun = Instant::now();
        for node in 0..NODES {
            self.cluster.node(node).readiness(200).await;
        }
        let after = begun.elapsed();
        println!("{what}: ready again after {after:?}");
        assert!(after < BACK_BOUND, "{what}: {after:?}\n{}", self.cluster.talk());
        self.flows().await;
    }

    /// Ends it: each call has been answered in time, nothing is lost, nothing was sent twice. The books are
    /// those of this database. Gives the nodes, for the rest.
    pub(crate) async fn end(self, database: &str) -> Cluster {
        let Self { cluster, load, apps } = self;
        let ledger = load.stop().await;
        let calm_after = calm(cluster.node(0)).await;
        let books = Books::open(database).await;
        let findings = audit(&books, &apps, &ledger, &InFlight::new()).await;
        println!(
            "{findings}; refused: {:?}, {} without an answer, the slowest answer after {:?}; calm after {calm_after:?}",
            ledger.refusals, ledger.unanswered, ledger.slowest
        );
        assert!(ledger.slowest < ANSWER_BOUND, "{:?}", ledger.slowest);
        assert_eq!(ledger.unanswered, 0, "a node that is up answers");
        assert!(findings.unexplained.is_empty(), "{:?}\n{}", findings.unexplained, cluster.talk());
        cluster
    }

    async fn reaches(&self, what: &str, is_so: impl Fn() -> bool) {
        until_at_last(what, ANSWER_BOUND + BACK_BOUND, LOOK, || async { is_so().then_some(()) }).await;
    }
}
