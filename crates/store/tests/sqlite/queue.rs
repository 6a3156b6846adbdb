//! The bounded queue before the one writing thread, held up by another connection's transaction.

use std::future::Future;
use std::pin::Pin;

use ringback_domain::retry::NextStep;
use ringback_store::{EventFilter, SqliteStore, Store, StoreError};

use crate::backend::{DatabaseFolder, options};
use crate::conformance::{World, assert_err, at};

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
    let folder = DatabaseFolder::new().with_queue_of(1);
    let world = World::new(folder.clone()).await;
    let source = world.source().await;
    let endpoint = world.endpoint(&["*"]).await;
    let first = world.call(source, "first").append().await.event_id;
    let claimed = world.claim_one(endpoint, at(0)).await;
    let finish = world.finishing(&claimed, NextStep::Delivered, at(1));

    let other = folder.connection();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // More than the thread takes for one transaction before it has to wait, so that the queue is full for
    // certain.
    let mut patient: Vec<_> = (0..600).map(|_| Box::pin(world.store.release(vec![]))).collect();
    for release in &mut patient {
        assert!(poll_once(release).await.is_none());
    }
    let mut finish = Box::pin(world.store.finish(finish));
    assert!(poll_once(&mut finish).await.is_none());
    let refused = world.call(source, "refused");
    assert_err!(refused.try_append().await, StoreError::Overloaded);
    assert_err!(world.store.check().await, StoreError::Overloaded);
    other.execute_batch("COMMIT").unwrap();

    for release in patient {
        release.await.unwrap();
    }
    finish.await.unwrap();
    assert_eq!(world.event(first).await.deliveries[0].attempts.len(), 1);
    assert_eq!(world.list(EventFilter::default()).await, [first], "what was refused was not written");
    world.call(source, "refused").append().await;
}

#[tokio::test]
async fn what_waits_shares_a_transaction() {
    let folder = DatabaseFolder::new();
    let store = SqliteStore::open(options(&folder)).unwrap();
    let before = store.writer_counts();
    let other = folder.connection();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut waiting: Vec<_> = (0..100).map(|_| Box::pin(store.check())).collect();
    for write in &mut waiting {
        assert!(poll_once(write).await.is_none());
    }
    other.execute_batch("COMMIT").unwrap();
    for write in waiting {
        write.await.unwrap();
    }
    let after = store.writer_counts();
    assert_eq!(after.writes - before.writes, 100);
    // One for what the thread took before it had to wait, one for all the rest.
    assert!((1..=2).contains(&(after.commits - before.commits)), "{after:?} after {before:?}");
}
