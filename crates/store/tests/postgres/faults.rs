//! The server goes away, stops answering, refuses to write, comes back: what is answered stays, everybody is
//! answered in time, and nobody has to help.
//!
//! Each case has a server of its own. While it fails, callers append as OpenAI calls: who is refused comes
//! again with the same id.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use ringback_domain::{IdMaker, SourceId};
use ringback_store::{OpenError, PostgresOptions, PostgresStore, Store, StoreError};
use tokio::task::JoinSet;

use crate::conformance::{Backend, Opening, World, at, keyring};
use crate::own_server::OwnServer;
use crate::proxy::{Mode, Proxy};
use crate::server::connect;

/// By when every append has to be answered.
const BOUND: Duration = Duration::from_secs(15);
/// How soon after the server's return everything has to work again.
const SOON: Duration = Duration::from_secs(5);
/// How many call at once.
const CALLERS: usize = 8;

/// A database of a server that fails, by an address.
pub(crate) struct Failing(pub(crate) String);

impl Failing {
    /// Behind these ports.
    pub(crate) fn behind(ports: &[u16]) -> Self {
        Self(Self::at(ports))
    }

    /// The address of what is behind these ports.
    fn at(ports: &[u16]) -> String {
        let hosts: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        format!("postgres://ringback@{}/postgres", hosts.join(","))
    }

    pub(crate) fn options(&self) -> PostgresOptions {
        let address = self.0.parse().unwrap();
        let options = PostgresOptions::new(address, keyring(&[1]), Arc::new(IdMaker::new(1)), at(0));
        // Leases go by the server's clock, and the node's is the invented one: years behind it, which such a
        // retention bears.
        PostgresOptions { event_retention: Duration::from_secs(100 * 365 * 24 * 3600), ..options }
    }
}

#[async_trait]
impl Backend for Failing {
    async fn open(&self, opening: Opening) -> Result<Arc<dyn Store>, OpenError> {
        let Opening { keyring, ids, now } = opening;
        let options = PostgresOptions { keyring, ids, now, ..self.options() };
        Ok(Arc::new(PostgresStore::open(options).await?))
    }
}

/// A store on a server's database, and callers that do not rest.
struct Trial {
    world: Arc<World>,
    callers: JoinSet<Vec<String>>,
    noted: Arc<Noted>,
}

/// What the callers met.
#[derive(Default)]
struct Noted {
    over: AtomicBool,
    accepted: AtomicUsize,
    refused: AtomicUsize,
}

impl Trial {
    async fn begin(url: String) -> Self {
        let world = Arc::new(World::new(Failing(url)).await);
        let source = world.source().await;
        let mut trial = Self { world, callers: JoinSet::new(), noted: Arc::default() };
        for caller in 0..CALLERS {
            let (world, noted) = (Arc::clone(&trial.world), Arc::clone(&trial.noted));
            trial.callers.spawn(async move { call(&world, source, &noted, caller).await });
        }
        trial.more_are_accepted(20, BOUND).await;
        trial
    }

    /// Waits until so many more were accepted; says how long that took.
    async fn more_are_accepted(&self, count: usize, within: Duration) -> Duration {
        self.more(&self.noted.accepted, count, within, "accepted").await
    }

    /// Waits until so many more were refused.
    async fn more_are_refused(&self, count: usize) -> Duration {
        self.more(&self.noted.refused, count, BOUND, "refused").await
    }

    async fn more(&self, counter: &AtomicUsize, count: usize, within: Duration, what: &str) -> Duration {
        let (began, wanted) = (Instant::now(), counter.load(Ordering::Relaxed) + count);
        while counter.load(Ordering::Relaxed) < wanted {
            assert!(began.elapsed() < within, "nothing is {what} for {within:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        began.elapsed()
    }

    /// Whatever was accepted is there, and nothing twice. Says how it went.
    async fn end(mut self, server: &OwnServer) -> String {
        self.more_are_accepted(20, SOON).await;
        self.world.store.check().await.unwrap();
        self.noted.over.store(true, Ordering::Relaxed);
        let mut accepted = HashSet::new();
        while let Some(names) = self.callers.join_next().await {
            accepted.extend(names.unwrap());
        }
        let person = connect(server.url()).await.unwrap();
        let rows = person.query("SELECT webhook_id FROM events", &[]).await.unwrap();
        let written: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let different: HashSet<&String> = written.iter().collect();
        assert_eq!(different.len(), written.len(), "some are there twice");
        let lost: Vec<_> = accepted.iter().filter(|name| !different.contains(name)).collect();
        assert!(lost.is_empty(), "accepted and lost: {lost:?}");
        let refused = self.noted.refused.load(Ordering::Relaxed);
        let world = Arc::into_inner(self.world).unwrap();
        world.store.close().await;
        format!("{} accepted, {refused} refused", accepted.len())
    }
}

/// Calls with one id after the other, with each until it is accepted.
async fn call(world: &World, source: SourceId, noted: &Noted, caller: usize) -> Vec<String> {
    let mut accepted = Vec::new();
    while !noted.over.load(Ordering::Relaxed) {
        let name = format!("{caller}-{}", accepted.len());
        let began = Instant::now();
        let answer = world.call(source, &name).try_append().await;
        assert!(began.elapsed() < BOUND, "an append took {:?}", began.elapsed());
        match answer {
            Ok(_) => {
                noted.accepted.fetch_add(1, Ordering::Relaxed);
                accepted.push(name);
            }
            Err(StoreError::Unavailable(_) | StoreError::InDoubt(_) | StoreError::Overloaded) => {
                noted.refused.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    accepted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_says_nothing_is_given_up_in_time() {
    let server = OwnServer::start();
    let trial = Trial::begin(Failing::at(&[server.port()])).await;
    server.freeze().await;
    let began = Instant::now();
    let (refused, checked) = tokio::join!(trial.more_are_refused(CALLERS), trial.world.store.check());
    assert!(refused < BOUND && checked.is_err(), "{checked:?}");
    let checked = Instant::now();
    trial.world.store.check().await.unwrap_err();
    assert!(checked.elapsed() < SOON, "{:?}", checked.elapsed());
    println!("given up after {:?}", began.elapsed());
    server.thaw().await;
    println!("{}", trial.end(&server).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_restarted_under_appends() {
    let server = OwnServer::start();
    let trial = Trial::begin(Failing::at(&[server.port()])).await;
    for how in ["fast", "immediate", "fast", "immediate"] {
        server.stop(how);
        trial.more_are_refused(2 * CALLERS).await;
        server.start_again();
        let took = trial.more_are_accepted(CALLERS, SOON).await;
        println!("{how}: accepted again after {took:?}");
    }
    println!("{}", trial.end(&server).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_connections_are_cut_again_and_again() {
    let server = OwnServer::start();
    let trial = Trial::begin(Failing::at(&[server.port()])).await;
    for _ in 0..20 {
        assert!(server.cut_connections().await > 0);
        trial.more_are_accepted(2, SOON).await;
    }
    println!("{}", trial.end(&server).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_becomes_read_only_and_takes_writes_again() {
    let server = OwnServer::start();
    let trial = Trial::begin(Failing::at(&[server.port()])).await;
    let set = |value: &str| {
        server.admin(&format!("ALTER SYSTEM SET default_transaction_read_only = {value}"));
        server.admin("SELECT pg_reload_conf()");
    };
    set("on");
    trial.more_are_refused(10 * CALLERS).await;
    trial.world.store.check().await.unwrap_err();
    set("off");
    println!("{}", trial.end(&server).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_have_all_connections() {
    let server = OwnServer::start_with(&["max_connections=20"]);
    let trial = Trial::begin(Failing::at(&[server.port()])).await;
    let mut others = vec![connect(server.url()).await.unwrap()];
    // Those of the store are cut one by one, and taken.
    let cut =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'ringback'";
    let began = Instant::now();
    while others.len() < 20 {
        assert!(began.elapsed() < BOUND, "only {} could be taken", others.len());
        others[0].execute(cut, &[]).await.unwrap();
        while let Ok(other) = connect(server.url()).await {
            others.push(other);
        }
    }
    trial.more_are_refused(2 * CALLERS).await;
    others.clear();
    println!("{}", trial.end(&server).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_no_second_event() {
    let server = OwnServer::start();
    let proxy = Proxy::start(server.port());
    let trial = Trial::begin(Failing::at(&[proxy.port])).await;
    for _ in 0..10 {
        proxy.set(Mode::CutAtCommit(""));
        trial.more_are_refused(1).await;
        trial.more_are_accepted(CALLERS, SOON).await;
        assert_eq!(proxy.mode(), Mode::Forward);
    }
    println!("{}", trial.end(&server).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_whose_answer_is_lost_is_in_doubt_and_one_that_never_got_there_is_not() {
    let server = OwnServer::start();
    let proxy = Proxy::start(server.port());
    let world = World::new(Failing(Failing::at(&[proxy.port]))).await;
    let endpoint = world.new_endpoint(&["*"]);
    let id = endpoint.id;
    proxy.set(Mode::CutAtCommit(""));
    let lost = world.store.create_endpoint(endpoint).await;
    assert!(matches!(lost, Err(StoreError::InDoubt(_))), "{lost:?}");
    let began = Instant::now();
    while world.store.config().project(world.project).unwrap().endpoint(id).is_none() {
        assert!(began.elapsed() < SOON, "what was committed does not become known");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.stop("fast");
    let refused = world.store.create_endpoint(world.new_endpoint(&["*"])).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    server.start_again();
    world.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_all_dead_are_given_up_together() {
    let server = OwnServer::start();
    let proxy = Proxy::start(server.port());
    let trial = Trial::begin(Failing::at(&[proxy.port])).await;
    // Every connection of the pool has been used.
    let store = &trial.world.store;
    let reads = (0..8).map(|_| store.due_endpoints());
    futures_util::future::try_join_all(reads).await.unwrap();
    proxy.set(Mode::Swallow);
    store.due_endpoints().await.unwrap_err();
    proxy.set(Mode::Forward);
    // What was swallowed is gone for ever, so nothing that was there is of use.
    let began = Instant::now();
    for _ in 0..8 {
        store.due_endpoints().await.unwrap();
    }
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    println!("{}", trial.end(&server).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_hosts_the_one_that_answers_is_used() {
    let server = OwnServer::start();
    let (one, two) = (Proxy::start(server.port()), Proxy::start(server.port()));
    one.set(Mode::Swallow);
    let trial = Trial::begin(Failing::at(&[one.port, two.port])).await;
    // Now it is the other way round.
    two.set(Mode::Swallow);
    two.cut();
    one.set(Mode::Forward);
    one.cut();
    let took = trial.more_are_accepted(20, BOUND).await;
    println!("accepted by the other after {took:?}");
    println!("{}", trial.end(&server).await);
}
