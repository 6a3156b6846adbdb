//! The bounded queue before the workers, held up by another connection's lock.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use futures_util::future::join_all;
use ringback_domain::retry::NextStep;
use ringback_domain::{EndpointId, ProjectId, TypedId};
use ringback_store::{Appended, EventFilter, PostgresOptions, PostgresStore, Store, StoreError};

use crate::backend::{Database, options};
use crate::conformance::{World, assert_err, at, concurrently};

/// Polls once: enough to send a write off, or to have it refused.
async fn poll_once<T>(future: &mut Pin<Box<impl Future<Output = T> + ?Sized>>) -> Option<T> {
    tokio::select! {
        biased;
        output = future => Some(output),
        () = std::future::ready(()) => None,
    }
}

#[tokio::test]
async fn a_full_queue_refuses_a_call_and_lets_a_finish_wait() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let source = world.source().await;
    let endpoint = world.endpoint(&["*"]).await;
    let first = world.call(source, "first").append().await.event_id;
    let claimed = world.claim_one(endpoint, at(0)).await;
    // A node that writes one batch at a time, and has room for one more write.
    let narrow = PostgresOptions { max_queued_writes: 1, batches: 1, ..options(&database) };
    let narrow = PostgresStore::open(narrow).await.unwrap();

    let person = database.connection().await;
    person.batch_execute("BEGIN; LOCK TABLE webhook_ids, deliveries").await.unwrap();
    // More than are taken for one transaction before it has to wait, so that the queue is full for certain.
    let arrivals = (0..600).map(|n| world.call(source, &n.to_string()).arrival());
    let mut patient: Vec<_> = arrivals.map(|arrival| Box::pin(narrow.append(arrival))).collect();
    let mut taken = Vec::new();
    let mut refused = 0;
    for append in &mut patient {
        match poll_once(append).await {
            None => taken.push(append),
            Some(answer) => {
                assert_err!(answer, StoreError::Overloaded);
                refused += 1;
            }
        }
        tokio::task::yield_now().await;
    }
    assert!(refused > 0 && !taken.is_empty(), "{refused} of 600 were refused");
    assert_err!(narrow.check().await, StoreError::Overloaded);
    let mut finish = Box::pin(narrow.finish(world.finishing(&claimed, NextStep::Delivered, at(1))));
    assert!(poll_once(&mut finish).await.is_none());
    person.batch_execute("COMMIT").await.unwrap();

    finish.await.unwrap();
    let taken_count = taken.len();
    for append in taken {
        append.await.unwrap();
    }
    assert_eq!(world.event(first).await.deliveries[0].attempts.len(), 1);
    let pending = world.store.backlog(world.project).await.unwrap().pending;
    assert_eq!(pending, taken_count as u64, "what was refused was not written");
    world.call(source, "600").append().await;
    assert!(!world.list(EventFilter::default()).await.is_empty());
}

#[tokio::test]
async fn what_waits_shares_a_transaction() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let source = world.source().await;
    let store = Arc::new(PostgresStore::open(options(&database)).await.unwrap());
    let person = database.connection().await;
    person.batch_execute("BEGIN; LOCK TABLE webhook_ids").await.unwrap();
    let arrivals = (0..100).map(|n| world.call(source, &n.to_string()).arrival());
    let mut waiting: Vec<_> = arrivals.map(|arrival| Box::pin(store.append(arrival))).collect();
    for write in &mut waiting {
        assert!(poll_once(write).await.is_none());
    }
    person.batch_execute("COMMIT").await.unwrap();
    for write in waiting {
        write.await.unwrap();
    }
    let counts = store.batch_counts();
    assert_eq!(counts.writes, 100);
    // One for what each of two workers took before it had to wait, one for all the rest.
    assert!((1..=3).contains(&counts.commits), "{counts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_ends_of_one_delivery_are_told_one_after_the_other() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let source = world.source().await;
    let endpoint = world.endpoint(&["*"]).await;
    let event = world.call(source, "a").append().await.event_id;
    let claimed = world.claim_one(endpoint, at(0)).await;
    let finishes = (0..20).map(|_| {
        let (store, finish) =
            (Arc::clone(&world.store), world.finishing(&claimed, NextStep::RetryAt(at(50)), at(1)));
        async move { store.finish(finish).await.unwrap() }
    });
    concurrently(finishes.collect::<Vec<_>>()).await;
    let delivery = &world.event(event).await.deliveries[0];
    assert_eq!(
        (delivery.delivery.attempt_count, delivery.attempts.len()),
        (1, 20),
        "one decides, all are kept"
    );
}

#[tokio::test]
async fn what_fans_out_widely_is_written_in_several_transactions() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let endpoint = world.endpoint(&["*"]).await;
    let store = PostgresStore::open(PostgresOptions { batches: 1, ..options(&database) }).await.unwrap();
    let wide = vec![endpoint; 10_000];
    let arrivals = (0..6).map(|n| world.publication(&n.to_string()).to(&wide).arrival());
    let appends: Vec<_> = arrivals.map(|arrival| store.append(arrival)).collect();
    for appended in join_all(appends).await {
        assert_eq!(appended.unwrap().due.len(), 10_000);
    }
    assert_eq!(store.batch_counts().commits, 3, "two of them, or 20,000 deliveries, at a time");
}

/// From now on an insert of more than four rows into one of these tables takes so long.
async fn slow_down(database: &Database, tables: &[&str], secs: u32) {
    let mut sql = format!(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
            IF (SELECT count(*) FROM made) > 4 THEN PERFORM pg_sleep({secs}); END IF; RETURN NULL; END $$;"
    );
    for table in tables {
        sql += &format!(
            "CREATE TRIGGER slow AFTER INSERT ON {table} REFERENCING NEW TABLE AS made \
             FOR EACH STATEMENT EXECUTE FUNCTION slow();"
        );
    }
    database.connection().await.batch_execute(&sql).await.unwrap();
}

/// Eight events at once, of the same `webhook-id`s each time.
async fn append_eight(
    world: &World,
    store: &PostgresStore,
    endpoint: EndpointId,
) -> Vec<Result<Appended, StoreError>> {
    let arrivals = (0..8).map(|n| world.publication(&n.to_string()).to(&[endpoint]).arrival());
    let appends: Vec<_> = arrivals.map(|arrival| store.append(arrival)).collect();
    join_all(appends).await
}

#[tokio::test]
async fn a_batch_that_takes_too_long_is_halved() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let endpoint = world.endpoint(&["*"]).await;
    // Longer than anybody waits.
    slow_down(&database, &["events"], 60).await;
    let store = PostgresStore::open(PostgresOptions { batches: 1, ..options(&database) }).await.unwrap();
    for appended in append_eight(&world, &store, endpoint).await {
        appended.unwrap();
    }
    assert_eq!(store.batch_counts().commits, 2);
}

#[tokio::test]
async fn after_a_batch_whose_statements_took_too_long_together_the_next_is_half_as_large() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let endpoint = world.endpoint(&["*"]).await;
    // Each is over before the server would end it.
    slow_down(&database, &["webhook_ids", "events", "deliveries"], 3).await;
    let store = PostgresStore::open(PostgresOptions { batches: 1, ..options(&database) }).await.unwrap();
    let refused = append_eight(&world, &store, endpoint).await;
    assert!(refused.iter().all(|answer| matches!(answer, Err(StoreError::Unavailable(_)))), "{refused:?}");
    for appended in append_eight(&world, &store, endpoint).await {
        appended.unwrap();
    }
}

#[tokio::test]
async fn a_call_whose_turn_does_not_come_in_time_is_refused_for_certain() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let endpoint = world.endpoint(&["*"]).await;
    let store = PostgresStore::open(PostgresOptions { batches: 1, ..options(&database) }).await.unwrap();
    let person = database.connection().await;
    person.batch_execute("BEGIN; LOCK TABLE webhook_ids").await.unwrap();
    // Each fills a transaction, and has it for 8 s; a call waits for 10.
    let wide = vec![endpoint; 20_000];
    let arrivals = ["first", "second", "third"].map(|id| world.publication(id).to(&wide).arrival());
    let [_, second, third] = arrivals.each_ref().map(|arrival| arrival.event.id);
    let answers = join_all(arrivals.map(|arrival| store.append(arrival))).await;
    let [first_answer, second_answer, third_answer] = &answers[..] else { panic!("{answers:?}") };
    assert!(matches!(first_answer, Err(StoreError::Unavailable(_))), "{first_answer:?}");
    assert!(matches!(second_answer, Err(StoreError::InDoubt(_))), "{second_answer:?}");
    assert!(matches!(third_answer, Err(StoreError::Overloaded)), "{third_answer:?}");
    person.batch_execute("COMMIT").await.unwrap();
    // It comes after them.
    let last = store.append(world.publication("last").arrival()).await.unwrap().event_id;
    let stored = world.list(EventFilter::default()).await;
    assert!(stored == [last] || stored == [last, second], "{stored:?}; the third is {third}");
}

/// The number by which a project's routes are locked.
fn route_lock(project: ProjectId) -> i32 {
    let hash = digest::digest(&digest::SHA256, &project.to_bytes());
    i32::from_be_bytes(hash.as_ref()[..4].try_into().unwrap())
}

#[tokio::test]
async fn a_fresh_connection_locks_routes_before_deliveries_too() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let endpoint = world.endpoint(&["*"]).await;
    world.publication("a").append().await;
    let claimed = world.claim_one(endpoint, at(0)).await;
    let store = PostgresStore::open(PostgresOptions { batches: 1, ..options(&database) }).await.unwrap();
    let (holder, looker) = (database.connection().await, database.connection().await);
    let take = format!("BEGIN; SELECT pg_advisory_xact_lock({}, {})", 0x5242_0001, route_lock(world.project));
    holder.batch_execute(&take).await.unwrap();
    let finish = world.finishing(&claimed, NextStep::Delivered, at(1));
    let written = async {
        let (appended, finished) =
            tokio::join!(store.append(world.publication("b").arrival()), store.finish(finish));
        appended.unwrap();
        finished.unwrap();
    };
    let looked = async {
        let waits = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))";
        while !looker.query_one(waits, &[]).await.unwrap().get::<_, bool>(0) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let free = looker.query("SELECT 1 FROM deliveries FOR UPDATE NOWAIT", &[]).await;
        assert_eq!(free.unwrap().len(), 1, "the delivery is not locked while the routes are waited for");
        holder.batch_execute("COMMIT").await.unwrap();
    };
    tokio::join!(written, looked);
    assert_eq!(store.batch_counts().commits, 1);
}
