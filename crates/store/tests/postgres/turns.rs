//! What one node does at a time: a replay, pruning, a request under an `Idempotency-Key`.

use std::time::{Duration, Instant};

use ringback_domain::ReplayQuery;
use ringback_store::idempotency::RUN_FOR;
use ringback_store::{Beginning, Begun, IdempotencyKey, ReplayStore, Retention, Store};

use crate::backend::Database;
use crate::conformance::{World, at};
use crate::nodes::second_node;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_is_one_nodes_until_that_is_gone() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let other = second_node(&database).await;
    world.endpoint(&["*"]).await;
    for n in 0..10 {
        world.publication(&n.to_string()).append().await;
    }
    let replay = world.store.create_replay(world.new_replay(ReplayQuery::default())).await.unwrap().id;
    assert_eq!(other.replays_at_work().await.unwrap().len(), 1, "so far it is anybody's");
    let created = async |store: &dyn Store| store.advance_replay(replay, 2, at(1)).await.unwrap().created;
    assert_eq!(created(&*other).await, 2);
    assert_eq!(created(&*world.store).await, 0);
    assert!(world.store.replays_at_work().await.unwrap().is_empty());
    assert_eq!(created(&*other).await, 2);
    drop(other);
    let began = Instant::now();
    while world.store.replays_at_work().await.unwrap().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(10), "nobody advances it any more");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(created(&*world.store).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_prunes_at_a_time() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    world.call(world.source().await, "a").append().await;
    let retention = Retention {
        events_before: at(0),
        webhook_ids_before: at(1),
        idempotency_keys_before: at(0),
        limit: 10,
    };
    let person = database.connection().await;
    person.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(x'52420005'::int, 0)").await.unwrap();
    assert_eq!(world.store.prune(retention).await.unwrap(), 0, "somebody else does");
    person.batch_execute("COMMIT").await.unwrap();
    assert_eq!(world.store.prune(retention).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_runs_on_one_node_while_that_lives() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let other = second_node(&database).await;
    let begin_at = async |now, store: &dyn Store, key: &str, repeatable| {
        let key = IdempotencyKey { project_id: world.project, route: "POST /".into(), key: key.into() };
        let beginning = Beginning { key, request_sha256: [1; 32], repeatable, nonce: [9; 16], now };
        store.begin_idempotent(beginning).await.unwrap()
    };
    let begin =
        async |store: &dyn Store, key: &str, repeatable| begin_at(at(0), store, key, repeatable).await;
    let (new, running) = (Begun::New { nonce: [9; 16] }, Begun::Running { nonce: [9; 16] });
    for key in ["once", "often"] {
        assert_eq!(begin(&*other, key, key == "often").await, new);
    }
    assert_eq!(begin(&*other, "once", false).await, running);
    assert_eq!(begin(&*world.store, "once", false).await, Begun::RunningElsewhere);
    assert_eq!(begin(&*world.store, "often", true).await, running);
    // It cannot be run for so long: that its end was not written is no reason to say so for ever.
    let later = at(0).plus(RUN_FOR);
    assert_eq!(begin_at(later, &*world.store, "once", false).await, Begun::Interrupted);
    assert_eq!(begin_at(later, &*world.store, "often", true).await, running);
    drop(other);
    let began = Instant::now();
    while begin(&*world.store, "once", false).await != Begun::Interrupted {
        assert!(began.elapsed() < Duration::from_secs(10), "it runs for ever");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(begin(&*world.store, "often", true).await, new, "taken over");
    assert_eq!(begin(&*world.store, "often", true).await, running);
}
