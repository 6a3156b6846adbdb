//! What a commit without an answer has leased to this node is given back long before the lease runs out.

use std::time::{Duration, Instant};

use ringback_domain::{DeliveryRules, EndpointId};
use ringback_store::StoreError;

use crate::conformance::{World, assert_err, at, unattempted};
use crate::faults::Failing;
use crate::own_server::OwnServer;
use crate::proxy::{Mode, Proxy};
use crate::server::connect;

/// How soon it has to be free. The leases last for a minute.
const FREED: Duration = Duration::from_secs(5);
const COUNT: usize = 3;

/// A store behind a proxy.
struct Trial {
    world: World,
    proxy: Proxy,
    server: OwnServer,
}

impl Trial {
    async fn begin() -> Self {
        let server = OwnServer::start();
        let proxy = Proxy::start(server.port());
        let world = World::new(Failing::behind(&[proxy.port])).await;
        Self { world, proxy, server }
    }

    /// Some due deliveries to an endpoint.
    async fn due(&self, endpoint: EndpointId) {
        for n in 0..COUNT {
            self.world.publication(&format!("{endpoint} {n}")).to(&[endpoint]).append().await;
        }
    }

    async fn claim(&self, endpoint: EndpointId) -> Result<usize, StoreError> {
        Ok(self.world.store.claim(endpoint, at(0), at(60), 2 * COUNT).await?.len())
    }

    /// Waits until so many can be claimed; the deliverer is to be told of it.
    async fn are_free(&self, endpoint: EndpointId, count: usize) {
        let begun = Instant::now();
        loop {
            let heard = tokio::time::timeout(FREED, self.world.store.heard_due()).await;
            let heard = heard.expect("the deliverer hears of what is due again");
            if heard.contains(&endpoint) {
                break;
            }
        }
        assert_eq!(self.claim(endpoint).await.unwrap(), count);
        assert!(begun.elapsed() < FREED, "{:?}", begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_whose_answer_is_lost_is_given_back() {
    let trial = Trial::begin().await;
    let owned = DeliveryRules { max_concurrency: Some(9), ..DeliveryRules::default() };
    for rules in [DeliveryRules::default(), owned] {
        let endpoint = trial.world.endpoint_with(rules).await;
        trial.due(endpoint).await;
        trial.proxy.set(Mode::CutAtCommit(""));
        assert_err!(trial.claim(endpoint).await, StoreError::InDoubt(_));
        assert_eq!(trial.proxy.mode(), Mode::Forward, "the server has committed it");
        assert_eq!(trial.claim(endpoint).await.unwrap(), 0, "they are leased");
        trial.are_free(endpoint, COUNT).await;
    }
    trial.world.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_whose_answer_is_lost_leaves_nothing_leased() {
    let trial = Trial::begin().await;
    let endpoint = trial.world.endpoint(&["*"]).await;
    trial.proxy.set(Mode::CutAtCommit(""));
    let answer = trial.world.publication("a").leased_until(at(60)).try_append().await;
    assert_err!(answer, StoreError::InDoubt(_));
    trial.are_free(endpoint, 1).await;
    trial.world.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_claimed_and_cannot_be_read_or_given_back_is_given_back_later() {
    let trial = Trial::begin().await;
    let endpoint = trial.world.endpoint(&["*"]).await;
    trial.due(endpoint).await;
    let person = connect(trial.server.url()).await.unwrap();
    person.batch_execute("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE").await.unwrap();
    assert_err!(trial.claim(endpoint).await, StoreError::Unavailable(_));
    person.batch_execute("COMMIT").await.unwrap();
    trial.are_free(endpoint, COUNT).await;

    trial.world.store.reclaim(at(0)).await.unwrap();
    let endpoint = trial.world.endpoint(&["*"]).await;
    trial.world.publication("last").to(&[endpoint]).append().await;
    let claimed = trial.world.store.claim(endpoint, at(0), at(60), 1).await.unwrap().remove(0);
    trial.proxy.set(Mode::Refuse);
    trial.proxy.cut();
    assert_err!(trial.world.store.release(vec![unattempted(&claimed)]).await, StoreError::Unavailable(_));
    trial.proxy.set(Mode::Forward);
    trial.are_free(endpoint, 1).await;
    trial.world.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_taken_anew_after_a_commit_that_was_undone_is_left_alone() {
    let trial = Trial::begin().await;
    let endpoint = trial.world.endpoint(&["*"]).await;
    trial.due(endpoint).await;
    trial.proxy.set(Mode::SwallowCommit);
    assert_err!(trial.claim(endpoint).await, StoreError::InDoubt(_));
    // The same node, and the same tokens.
    let begun = Instant::now();
    while trial.claim(endpoint).await.unwrap() == 0 {
        assert!(begun.elapsed() < FREED, "the server has not undone it");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(trial.claim(endpoint).await.unwrap(), 0);
    trial.world.store.close().await;
}
