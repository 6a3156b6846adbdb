//! What a node leaves behind is taken up by the others, and who cannot be sure that it is taken for alive
//! does nothing.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use ringback_domain::DeliveryRules;
use ringback_store::Store;
use ringback_testkit::postgres::Database;
use ringback_testkit::{Receiver, Reply, until};

use crate::node::Node;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_node_was_at_is_delivered_by_another_within_ten_seconds() {
    let (database, receiver) = (Database::create(), Receiver::start().await);
    let (one, two) = (Node::start(&database, 1).await, Node::start(&database, 2).await);
    one.endpoint(&receiver.url(), DeliveryRules::default(), &[&two]).await;
    receiver.enqueue((0..5).map(|_| Reply::hang()));
    for n in 0..5 {
        let appended = two.publish(&n.to_string(), "batch_1").await;
        assert_eq!(appended.leased.len(), 1, "it is the second node's to deliver");
    }
    receiver.running(5).await;
    two.kill();
    let killed_at = Instant::now();
    until("the other node to deliver", || async { Some(()).filter(|()| receiver.call_count() >= 10) }).await;
    assert!(killed_at.elapsed() < Duration::from_secs(10), "{:?}", killed_at.elapsed());
    let again: HashSet<_> = receiver.calls()[5..].iter().map(|call| call.webhook_id().to_owned()).collect();
    assert_eq!(again.len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_cannot_say_that_it_lives_attempts_nothing_until_it_can() {
    let (database, receiver) = (Database::create(), Receiver::start().await);
    let node = Node::start(&database, 1).await;
    node.endpoint(&receiver.url(), DeliveryRules::default(), &[]).await;
    let person = database.connection().await;
    // Nobody's heartbeats go through.
    person.batch_execute("BEGIN; LOCK TABLE nodes IN EXCLUSIVE MODE").await.unwrap();
    until("its heartbeats to be too old", || async { Some(()).filter(|()| node.store.is_fenced()) }).await;
    let appended = node.publish("a", "batch_1").await;
    assert_eq!((appended.leased.len(), appended.due.len()), (0, 1), "it is accepted, and not taken");
    // More than one scan.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(receiver.call_count(), 0);
    person.batch_execute("COMMIT").await.unwrap();
    until("the delivery", || async { Some(()).filter(|()| receiver.call_count() == 1) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_took_before_it_was_buried_goes_on_within_ten_seconds() {
    let (database, receiver) = (Database::create(), Receiver::start().await);
    let node = Node::start(&database, 1).await;
    node.endpoint(&receiver.url(), DeliveryRules::default(), &[]).await;
    let (person, other) = (database.connection().await, database.connection().await);
    // Its append waits, and meanwhile others have taken it for dead and it has come back.
    person.batch_execute("BEGIN; LOCK TABLE events IN SHARE MODE").await.unwrap();
    let before = Instant::now();
    let buried = async {
        let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'events'::regclass \
                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        until("its append to wait", || async {
            let waiting: i64 = other.query_one(waits, &[]).await.unwrap().get(0);
            (waiting > 0).then_some(())
        })
        .await;
        other.batch_execute("DELETE FROM nodes").await.unwrap();
        until("it to come back", || async {
            Some(()).filter(|()| !node.store.is_fenced() && !node.store.holds_leases_since(before))
        })
        .await;
        person.batch_execute("COMMIT").await.unwrap();
        Instant::now()
    };
    let (appended, written_at) = tokio::join!(node.publish("a", "batch_1"), buried);
    assert_eq!(appended.leased.len(), 1);
    while receiver.call_count() == 0 && written_at.elapsed() < Duration::from_secs(60) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(written_at.elapsed() < Duration::from_secs(10), "{:?}", written_at.elapsed());
}
