//! An endpoint's rate, concurrency and order hold over all nodes together.

use std::time::Duration;

use ringback_domain::{DeliveryRules, Ordering};
use ringback_testkit::postgres::Database;
use ringback_testkit::{Receiver, Reply, until};

use crate::node::Node;

/// Publishes so many events about one object, by turns at the one node and the other.
async fn publish_by_turns(nodes: [&Node; 2], count: usize) {
    for n in 0..count {
        nodes[n % 2].publish(&n.to_string(), "batch_1").await;
    }
}

async fn called(receiver: &Receiver, count: usize) {
    until("all calls", || async { Some(()).filter(|()| receiver.call_count() >= count) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_is_that_of_all_nodes_together() {
    let (database, receiver) = (Database::create(), Receiver::start().await);
    let (one, two) = (Node::start(&database, 1).await, Node::start(&database, 2).await);
    let rules = DeliveryRules { max_per_sec: Some(10), ..DeliveryRules::default() };
    one.endpoint(&receiver.url(), rules, &[&two]).await;
    publish_by_turns([&one, &two], 40).await;
    called(&receiver, 40).await;
    let calls = receiver.calls();
    assert_eq!(calls.len(), 40, "none twice");
    // One may go ahead of its time, and the machine may bring some together that were sent apart.
    for pair in calls.windows(14) {
        let took = pair[13].received.duration_since(pair[0].received);
        assert!(took >= Duration::from_millis(900), "14 calls within {took:?} at 10 per second");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_concurrency_is_that_of_all_nodes_together() {
    let (database, receiver) = (Database::create(), Receiver::start().await);
    receiver.always(Reply::status(200).after(Duration::from_millis(20)));
    let (one, two) = (Node::start(&database, 1).await, Node::start(&database, 2).await);
    let rules = DeliveryRules { max_concurrency: Some(1), ..DeliveryRules::default() };
    one.endpoint(&receiver.url(), rules, &[&two]).await;
    publish_by_turns([&one, &two], 40).await;
    called(&receiver, 40).await;
    assert_eq!((receiver.most_running(), receiver.call_count()), (1, 40));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_kept_by_all_nodes_together_also_when_the_owner_goes() {
    let (database, receiver) = (Database::create(), Receiver::start().await);
    let (one, two) = (Node::start(&database, 1).await, Node::start(&database, 2).await);
    let rules = DeliveryRules { ordering: Ordering::Object, ..DeliveryRules::default() };
    let endpoint = one.endpoint(&receiver.url(), rules, &[&two]).await;
    publish_by_turns([&one, &two], 20).await;
    called(&receiver, 20).await;
    let (owner, other) = {
        use ringback_store::Store as _;
        let owns = |node: &Node| node.store.may_claim(node.store.config().endpoint(endpoint).unwrap());
        assert!(owns(&one) != owns(&two), "one of them is the owner");
        if owns(&one) { (one, two) } else { (two, one) }
    };
    owner.stop().await;
    for n in 20..30 {
        other.publish(&n.to_string(), "batch_1").await;
    }
    called(&receiver, 30).await;
    let seen: Vec<usize> = receiver.calls().iter().map(|call| call.webhook_id().parse().unwrap()).collect();
    assert_eq!(seen, (0..30).collect::<Vec<_>>());
}
