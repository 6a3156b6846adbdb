//! The bounded queue before the workers, held up by another connection's lock.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use ringback_domain::retry::NextStep;
use ringback_store::{EventFilter, PostgresOptions, PostgresStore, Store, StoreError};

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
