//! Who lives and who is dead, and what becomes of what the dead had.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use ringback_domain::retry::NextStep;
use ringback_domain::{DeliveryRules, DeliveryState, IdMaker};
use ringback_store::postgres::LeaseClock;
use ringback_store::{PostgresOptions, PostgresStore, Store, database_status};
use tokio_postgres::Client;

use crate::backend::{Database, options};
use crate::conformance::{World, at};
use crate::nodes::second_node;

/// How soon a dead node's work has to be free. It is dead after 5 s, and looked for every second.
const FREED: Duration = Duration::from_secs(8);

/// Waits until a query about nodes is answered with yes; says how long that took.
pub(crate) async fn until_sql(person: &Client, question: &str) -> Duration {
    let began = Instant::now();
    while !person.query_one(question, &[]).await.unwrap().get::<_, bool>(0) {
        assert!(began.elapsed() < 2 * FREED, "it never came to be so: {question}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_seen_while_it_lives_and_leaves_nothing() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let person = database.connection().await;
    let options = PostgresOptions { ids: Arc::new(IdMaker::new(2)), version: "9.8.7", ..options(&database) };
    let other = PostgresStore::open(options).await.unwrap();
    let seen = "SELECT count(*) = 1 FROM nodes WHERE version = '9.8.7' AND schema_version > 0";
    assert!(person.query_one(seen, &[]).await.unwrap().get::<_, bool>(0));
    until_sql(&person, "SELECT bool_and(heartbeat_at > started_at) AND count(*) = 2 FROM nodes").await;
    assert!(!other.is_fenced() && !world.store.is_fenced());

    let endpoint =
        world.endpoint_with(DeliveryRules { max_concurrency: Some(1), ..DeliveryRules::default() }).await;
    world.publication("a").append().await;
    assert_eq!(world.claim(endpoint, at(0)).await.len(), 1, "one way or another somebody owns it");
    world.store.close().await;
    other.close().await;
    let rows = "SELECT (SELECT count(*) FROM nodes) + (SELECT count(*) FROM endpoint_owners)";
    assert_eq!(person.query_one(rows, &[]).await.unwrap().get::<_, i64>(0), 0);
    let leased =
        "SELECT count(*) FROM deliveries WHERE lease_expires_at IS NOT NULL AND lease_node IS NOT NULL";
    assert_eq!(person.query_one(leased, &[]).await.unwrap().get::<_, i64>(0), 0, "others may go on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_node_held_is_free_soon_and_the_others_hear_of_it() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let (other, third) = (second_node(&database).await, third_node(&database).await);
    let endpoint = world.endpoint(&["*"]).await;
    world.publication("a").append().await;
    let claimed = other.claim(endpoint, at(0), at(1_000_000), 1).await.unwrap();
    assert_eq!(claimed.len(), 1);
    // As a killed process goes.
    drop(other);
    let began = Instant::now();
    // One of the two buries it and wakes its own deliverer; the other one is told.
    for store in [&*world.store, &third as &dyn Store] {
        // They may have heard of the event as well.
        let anywhere = async { while !store.heard_due().await.is_empty() {} };
        tokio::time::timeout(FREED, anywhere).await.expect("the survivors hear of it");
    }
    assert!(began.elapsed() > Duration::from_secs(4), "it was given time: {:?}", began.elapsed());
    let again = world.claim_one(endpoint, at(0)).await;
    assert_eq!(again.delivery_id, claimed[0].delivery_id);
    assert!(again.lease.token > claimed[0].lease.token);
    let person = database.connection().await;
    let nodes = person.query_one("SELECT count(*) FROM nodes", &[]).await.unwrap();
    assert_eq!(nodes.get::<_, i64>(0), 2);
}

async fn third_node(database: &Database) -> PostgresStore {
    let options = PostgresOptions { ids: Arc::new(IdMaker::new(3)), ..options(database) };
    PostgresStore::open(options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_somebody_is_at_is_freed_when_that_is_over() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let (person, onlooker) = (database.connection().await, database.connection().await);
    let other = second_node(&database).await;
    let endpoint = world.endpoint(&["*"]).await;
    for name in ["a", "b"] {
        world.publication(name).append().await;
    }
    let claimed = other.claim(endpoint, at(0), at(1_000_000), 2).await.unwrap();
    let id = uuid(claimed[0].delivery_id);
    person
        .batch_execute(&format!("BEGIN; SELECT 1 FROM deliveries WHERE id = '{id}' FOR UPDATE"))
        .await
        .unwrap();
    drop(other);
    until_sql(&onlooker, "SELECT count(*) = 1 FROM deliveries WHERE lease_node IS NOT NULL").await;
    let marked = "SELECT count(*) = 1 FROM nodes WHERE heartbeat_at = 'epoch'";
    assert!(onlooker.query_one(marked, &[]).await.unwrap().get::<_, bool>(0), "its row stays");
    person.batch_execute("COMMIT").await.unwrap();
    until_sql(&onlooker, "SELECT count(*) = 1 FROM nodes").await;
    assert_eq!(world.claim(endpoint, at(0)).await.len(), 2);
    let kept = "SELECT count(*) = 1 FROM dead_nodes WHERE heartbeat_at > now() - interval '1 minute'";
    assert!(onlooker.query_one(kept, &[]).await.unwrap().get::<_, bool>(0), "by when it was last heard");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_died_is_shown_for_a_day_unless_it_comes_back() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let person = database.connection().await;
    let long_ago = "INSERT INTO dead_nodes SELECT gen_random_uuid(), version, schema_version, now(), \
                    now() - interval '25 hours', 0 FROM nodes";
    person.batch_execute(long_ago).await.unwrap();
    let other = second_node(&database).await;
    let id = other.node_id();
    drop(other);
    until_sql(&person, "SELECT count(*) = 1 FROM nodes").await;
    let shown = async || database_status(&database.url().parse().unwrap()).await.unwrap().nodes;
    let nodes = shown().await;
    assert_eq!(nodes.len(), 2, "{nodes:?}");
    let dead = nodes.iter().find(|node| node.id == id).unwrap();
    assert!(!dead.is_alive && dead.heartbeat_age > Duration::from_secs(4), "{dead:?}");
    assert!(dead.heartbeat_age < Duration::from_secs(60), "{dead:?}");
    let forgotten = "SELECT count(*) = 1 FROM dead_nodes";
    assert!(person.query_one(forgotten, &[]).await.unwrap().get::<_, bool>(0));

    // The living one is taken for dead as well, and comes back.
    person.batch_execute("INSERT INTO dead_nodes SELECT * FROM nodes; DELETE FROM nodes").await.unwrap();
    until_sql(&person, "SELECT count(*) = 1 FROM nodes").await;
    until_sql(&person, "SELECT count(*) = 1 FROM dead_nodes").await;
    assert_eq!(shown().await.len(), 2);
    world.store.close().await;
    // Who finds itself alone buries all that is left.
    let left = "INSERT INTO nodes (id, version, schema_version, heartbeat_at, clock_ahead_ms) \
                VALUES (gen_random_uuid(), '', 1, now() - interval '1 minute', 0)";
    person.batch_execute(left).await.unwrap();
    let third = third_node(&database).await;
    assert_eq!(shown().await.iter().filter(|node| !node.is_alive).count(), 2);
    third.close().await;
}

/// An id as the server shows it.
fn uuid(id: impl ringback_domain::TypedId) -> String {
    id.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_row_is_gone_registers_again() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let person = database.connection().await;
    for done_to_it in ["DELETE FROM nodes", "UPDATE nodes SET heartbeat_at = 'epoch'"] {
        let before = person.query_one("SELECT id::text FROM nodes", &[]).await.unwrap();
        person.batch_execute(done_to_it).await.unwrap();
        until_sql(&person, "SELECT count(*) = 1 FROM nodes WHERE heartbeat_at > now() - interval '2 s'")
            .await;
        let after = person.query_one("SELECT id::text FROM nodes", &[]).await.unwrap();
        assert_eq!(before.get::<_, String>(0), after.get::<_, String>(0), "as the same one");
    }
    assert!(!world.store.is_fenced());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_loses_its_connection_has_another_one_soon() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let person = database.connection().await;
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    assert!(person.query_one(cut, &[]).await.unwrap().get::<_, i64>(0) > 0);
    until_sql(&person, "SELECT bool_and(heartbeat_at > now() - interval '1 s') FROM nodes").await;
    let shares = "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' \
                  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    until_sql(&person, shares).await;
    // It may have missed something, and looks.
    assert_eq!(world.store.heard_due().await, []);
}

/// A node on a thread of its own, which stands still when told to, as a stopped process does.
struct Stoppable {
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<thread::JoinHandle<()>>,
}

type Order = Box<dyn FnOnce(&tokio::runtime::Runtime, &PostgresStore) + Send>;

impl Stoppable {
    fn start(database: &Database) -> Self {
        let (orders, inbox) = mpsc::channel::<Order>();
        let options = PostgresOptions { ids: Arc::new(IdMaker::new(2)), ..options(database) };
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let store = runtime.block_on(PostgresStore::open(options)).unwrap();
            // Its tasks run only while an order does: between two of them it stands still.
            for order in inbox {
                order(&runtime, &store);
            }
        });
        Self { orders: Some(orders), thread: Some(thread) }
    }

    /// Runs so long as this takes, and gives what it comes to.
    fn run<T: Send + 'static>(&self, work: impl AsyncFnOnce(&PostgresStore) -> T + Send + 'static) -> T {
        let (answer, answered) = mpsc::channel();
        let order: Order = Box::new(move |runtime, store| {
            answer.send(runtime.block_on(work(store))).unwrap();
        });
        self.orders.as_ref().unwrap().send(order).unwrap();
        answered.recv().unwrap()
    }
}

impl Drop for Stoppable {
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been told already.
            let _ = thread.join();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stood_still_has_lost_its_leases_and_goes_on() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let person = database.connection().await;
    let endpoint = world.endpoint(&["*"]).await;
    let event = world.publication("a").append().await.event_id;
    let other = Stoppable::start(&database);
    let (before, claimed) = other.run(async move |store| {
        let before = Instant::now();
        assert!(store.holds_leases_since(before));
        (before, store.claim(endpoint, at(0), at(1_000_000), 1).await.unwrap().remove(0))
    });
    // It stands still now.
    until_sql(&person, "SELECT count(*) = 1 FROM nodes").await;
    let again = world.claim_one(endpoint, at(0)).await;
    let late = world.finishing(&claimed, NextStep::RetryAt(at(5)), at(1));
    other.run(async move |store| {
        assert!(store.is_fenced(), "it knows, before it has asked anybody");
        store.finish(late).await.unwrap();
        let began = Instant::now();
        while store.is_fenced() {
            assert!(began.elapsed() < FREED, "it never came back");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(!store.holds_leases_since(before), "what it had it has no more");
    });
    assert!(person.query_one("SELECT count(*) = 2 FROM nodes", &[]).await.unwrap().get::<_, bool>(0));
    let detail = world.event(event).await;
    assert_eq!(detail.deliveries[0].attempts.len(), 1, "what it did is on record");
    assert_eq!(detail.deliveries[0].delivery.state, DeliveryState::Pending);
    assert!(detail.deliveries[0].delivery.in_flight, "and decides nothing");
    world.finish(&again, NextStep::Delivered, at(2)).await;
    assert_eq!(world.event(event).await.deliveries[0].delivery.state, DeliveryState::Delivered);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_not_been_heard_itself_calls_nobody_dead() {
    let database = Database::new();
    let person = database.connection().await;
    let first = Stoppable::start(&database);
    first.run(async |_| tokio::time::sleep(Duration::from_secs(6)).await);
    // As if everybody had been cut off for a while: the first to come back finds everybody's heartbeats old.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let old = "INSERT INTO nodes (id, version, schema_version, heartbeat_at, clock_ahead_ms) \
               VALUES (gen_random_uuid(), '', 1, clock_timestamp() - interval '6 s', 0)";
    person.batch_execute(old).await.unwrap();
    first.run(async |_| tokio::time::sleep(Duration::from_secs(3)).await);
    let there = "SELECT count(*) = 1 FROM nodes WHERE version = ''";
    assert!(person.query_one(there, &[]).await.unwrap().get::<_, bool>(0), "it was given time");
    first.run(async |_| tokio::time::sleep(Duration::from_secs(4)).await);
    assert!(!person.query_one(there, &[]).await.unwrap().get::<_, bool>(0), "it did not use it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_while_a_living_nodes_link_is_cut_frees_nothing() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let person = database.connection().await;
    let endpoint = world.endpoint(&["*"]).await;
    world.publication("a").append().await;
    let claimed = world.claim_one(endpoint, at(0)).await;
    // As a restart of the server does.
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    person.query_one(cut, &[]).await.unwrap();
    let lease_clock = LeaseClock::Server;
    let options = PostgresOptions { ids: Arc::new(IdMaker::new(2)), lease_clock, ..options(&database) };
    let _other = PostgresStore::open(options).await.unwrap();
    let leased = "SELECT count(*) FROM deliveries WHERE lease_expires_at IS NOT NULL";
    assert_eq!(person.query_one(leased, &[]).await.unwrap().get::<_, i64>(0), 1, "freed under {claimed:?}");
    assert_eq!(person.query_one("SELECT count(*) FROM nodes", &[]).await.unwrap().get::<_, i64>(0), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_old_look_is_no_death() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let person = database.connection().await;
    let other = second_node(&database).await;
    let endpoint = world.endpoint(&["*"]).await;
    world.publication("a").append().await;
    assert_eq!(other.claim(endpoint, at(0), at(60), 1).await.unwrap().len(), 1);
    tokio::time::sleep(Duration::from_secs(7)).await;
    let before = Instant::now();
    // What a clock of the server that is set forward by 10 s does.
    for _ in 0..3 {
        person.batch_execute("UPDATE nodes SET heartbeat_at = heartbeat_at - interval '10 s'").await.unwrap();
        tokio::time::sleep(Duration::from_millis(2300)).await;
    }
    assert!(
        other.holds_leases_since(before) && world.store.holds_leases_since(before),
        "one of two living nodes was buried"
    );
}

#[tokio::test]
async fn a_lease_of_a_node_that_was_buried_before_it_was_committed_is_freed() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let endpoint = world.endpoint(&["*"]).await;
    world.publication("a").append().await;
    let claimed = world.claim_one(endpoint, at(0)).await;
    assert_eq!(world.store.reclaim(at(1)).await.unwrap(), 0, "its node lives");
    let person = database.connection().await;
    person.execute("UPDATE deliveries SET lease_node = gen_random_uuid()", &[]).await.unwrap();
    assert_eq!(world.store.reclaim(at(1)).await.unwrap(), 1);
    assert_eq!(world.claim_one(endpoint, at(1)).await.delivery_id, claimed.delivery_id);
}

#[tokio::test]
async fn a_node_that_goes_says_so_also_when_its_own_connection_is_lost() {
    let database = Database::new();
    let store = PostgresStore::open(options(&database)).await.unwrap();
    let person = database.connection().await;
    // Whoever lives holds a lock by it.
    let own = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' \
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert!(person.query_one(own, &[]).await.unwrap().get::<_, i64>(0) > 0);
    store.close().await;
    until_sql(&person, "SELECT NOT EXISTS (SELECT 1 FROM nodes) AND NOT EXISTS (SELECT 1 FROM dead_nodes)")
        .await;
}
