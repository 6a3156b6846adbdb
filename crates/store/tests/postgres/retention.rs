//! Retention where most of what is old is held by pending deliveries, and where the events cannot be looked through.

use ringback_domain::retry::NextStep;
use ringback_domain::{EventId, TypedId};
use ringback_store::{EventFilter, Retention};

use crate::backend::Database;
use crate::conformance::{World, at};

const HELD: usize = 12_000;

fn everything_before(secs: i64) -> Retention {
    Retention {
        events_before: at(secs),
        webhook_ids_before: at(secs),
        idempotency_keys_before: at(0),
        limit: 10,
    }
}

#[tokio::test]
async fn what_lies_behind_many_held_events_goes_within_a_sweep() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let client = database.connection().await;
    let endpoint = world.endpoint(&["*"]).await;
    // The one that is held is made as many times as it takes for more than two looks.
    let held = world.publication("held").at(at(1)).append().await.event_id;
    let first = u128::from_be_bytes(EventId::first_at(at(2)).to_bytes());
    let copies = format!(
        "WITH more AS ( \
             INSERT INTO events (id, project_id, source_id, type, webhook_id, created_at, payload) \
             SELECT (left('{first:032x}', 20) || lpad(to_hex(n), 12, '0'))::uuid, project_id, source_id, type, 'held ' || n, created_at, payload \
             FROM events, generate_series(2, {HELD}) AS n RETURNING id, project_id \
         ) INSERT INTO deliveries (id, project_id, event_id, endpoint_id, trigger, state, created_at, due_at) \
           SELECT id, project_id, id, '{}', 'event', 'pending', 0, 9000000000000 FROM more",
        uuid(endpoint)
    );
    client.batch_execute(&copies).await.unwrap();
    let mut finished = Vec::new();
    for n in 0..25 {
        let free = world.publication(&format!("free {n}")).at(at(3)).to(&[]);
        finished.push(free.append().await.event_id);
    }
    let mut steps = 0;
    while world.store.prune(everything_before(100)).await.unwrap() > 0 {
        steps += 1;
        assert!(steps < 10_000, "pruning does not come to an end");
    }
    for event in finished {
        assert!(world.store.event(world.project, event).await.is_err(), "it was not reached");
    }
    let left: i64 = client.query_one("SELECT count(*) FROM events", &[]).await.unwrap().get(0);
    assert_eq!(left, HELD as i64);
    // The next sweep begins anew.
    let claimed = world.claim(endpoint, at(100)).await;
    let claimed = claimed.into_iter().find(|claimed| claimed.event_id == held).unwrap();
    world.finish(&claimed, NextStep::Delivered, at(100)).await;
    assert_eq!(world.store.prune(everything_before(100)).await.unwrap(), 1);
    assert!(world.store.event(world.project, held).await.is_err());
}

fn uuid(id: impl TypedId) -> String {
    format!("{:032x}", u128::from_be_bytes(id.to_bytes()))
}

#[tokio::test]
async fn events_that_cannot_be_looked_through_keep_nothing_else() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let client = database.connection().await;
    let source = world.source().await;
    for n in 0..15 {
        world.call(source, &n.to_string()).append().await;
    }
    client.batch_execute("ALTER TABLE events RENAME COLUMN id TO another").await.unwrap();
    let removed = [20, 10, 0];
    for expected in removed {
        assert_eq!(world.store.prune(everything_before(100)).await.unwrap(), expected);
    }
    client.batch_execute("ALTER TABLE events RENAME COLUMN another TO id").await.unwrap();
    for expected in [10, 5, 0] {
        assert_eq!(world.store.prune(everything_before(100)).await.unwrap(), expected);
    }
    assert_eq!(world.list(EventFilter::default()).await, []);
}
