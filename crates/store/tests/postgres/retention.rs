//! Retention where the events cannot be looked through.

use ringback_store::{EventFilter, Retention};

use crate::backend::Database;
use crate::conformance::{World, at};

fn everything_before(secs: i64) -> Retention {
    Retention {
        events_before: at(secs),
        webhook_ids_before: at(secs),
        idempotency_keys_before: at(0),
        limit: 10,
    }
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
    let removed = [30, 0];
    for expected in removed {
        assert_eq!(world.store.prune(everything_before(100)).await.unwrap(), expected);
    }
    client.batch_execute("ALTER TABLE events RENAME COLUMN another TO id").await.unwrap();
    for expected in [10, 5, 0] {
        assert_eq!(world.store.prune(everything_before(100)).await.unwrap(), expected);
    }
    assert_eq!(world.list(EventFilter::default()).await, []);
}
