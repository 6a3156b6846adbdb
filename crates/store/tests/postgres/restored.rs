//! A database that came by a dump from another cluster, whose transactions have other numbers.

use ringback_domain::{EventId, ReplayQuery};
use tokio_postgres::Client;

use crate::backend::Database;
use crate::conformance::{World, at};

/// What a dump brings: numbers of transactions that are far ahead, and the identifier of the cluster that
/// they were counted in.
const AS_RESTORED: &str = "UPDATE events SET xid = '4000000000'::xid8; \
    UPDATE cluster_identity SET system_identifier = 1";

async fn restored_position(client: &Client) -> i64 {
    client.query_one("SELECT restored_position FROM cluster_identity", &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn what_was_restored_is_replayed_and_what_came_after_the_replay_is_not() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let client = database.connection().await;
    let endpoint = world.endpoint(&["*"]).await;
    let publish = async |world: &World, name: &str, secs| -> EventId {
        world.publication(name).at(at(secs)).to(&[]).append().await.event_id
    };
    let first = publish(&world, "first", 10).await;
    assert_eq!(restored_position(&client).await, 0);
    client.batch_execute(AS_RESTORED).await.unwrap();

    let world = world.restart().await;
    assert!(restored_position(&client).await > 0);
    let second = publish(&world, "second", 20).await;
    let replay = world.replay(ReplayQuery::default()).await;
    // One by a clock that is behind.
    for (name, secs) in [("third", 30), ("fourth", 15)] {
        publish(&world, name, secs).await;
    }
    world.advance(replay, 10).await;
    assert_eq!(world.replayed(replay).await, [(first, endpoint), (second, endpoint)]);

    let noted = restored_position(&client).await;
    let _world = world.restart().await;
    assert_eq!(restored_position(&client).await, noted, "it is the same cluster now");
}
