//! A commit waits for a standby that is not there: nobody is told that it is done.

use std::time::{Duration, Instant};

use ringback_store::{PostgresStore, StoreError};

use crate::conformance::{World, assert_err};
use crate::faults::Failing;
use crate::own_server::OwnServer;

/// By when each has to be answered.
const BOUND: Duration = Duration::from_secs(15);

fn wait_for(server: &OwnServer, standby: &str) {
    server.admin(&format!("ALTER SYSTEM SET synchronous_standby_names = '{standby}'"));
    server.admin("SELECT pg_reload_conf()");
}

/// Waits for the next heartbeat, which need not outlive the server.
async fn beats(server: &OwnServer) {
    let (person, begun) = (server.connection().await, Instant::now());
    let last = "SELECT max(heartbeat_at)::text FROM nodes";
    let before: String = person.query_one(last, &[]).await.unwrap().get(0);
    while person.query_one(last, &[]).await.unwrap().get::<_, String>(0) == before {
        assert!(begun.elapsed() < BOUND, "a heartbeat waits for the standby");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_standby_has_is_not_acknowledged() {
    let server = OwnServer::start();
    let world = World::new(Failing(server.url().to_owned())).await;
    let source = world.source().await;
    wait_for(&server, "away");
    // The server learns of it in a moment.
    let begun = Instant::now();
    while world.store.check().await.is_ok() {
        assert!(begun.elapsed() < BOUND, "nothing waits for the standby");
    }
    // What the check has begun goes on at the server, for as long as the standby is away.
    beats(&server).await;

    let begun = Instant::now();
    let append = world.call(source, "a").try_append();
    let project = world.store.create_project(world.new_project("second"));
    let another = PostgresStore::open(Failing(server.url().to_owned()).options());
    let (append, project, another) = tokio::join!(append, project, another);
    assert_err!(append, StoreError::InDoubt(_));
    assert_err!(project, StoreError::InDoubt(_));
    assert!(another.is_err(), "who starts is not told that it is ready");
    assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
    wait_for(&server, "");
    world.call(source, "a").append().await;
    world.store.check().await.unwrap();
}
