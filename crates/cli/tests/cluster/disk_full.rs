//! The disk under PostgreSQL fills up, under load, that of its tables or that of its log: ingest says 503
//! meanwhile and loses nothing, `/readyz` says so, it is told once, and all goes on by itself when there is
//! room.

use std::time::Duration;

use ringback_testkit::postgres::{OwnServer, Part, SmallDisk, connect};
use ringback_testkit::until_at_last;

use crate::scene::{NODES, Scene};

/// How long a server may take to give up.
const DOWN_BOUND: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(20);
/// How many calls are refused before there is room again.
const REFUSED: usize = 60;
const TROUBLE: &str = "the database takes no writes";
const ITS_END: &str = "the database takes writes again";

/// How often each node has said this.
fn told(scene: &Scene, line: &str) -> Vec<usize> {
    (0..NODES).map(|node| scene.cluster.node(node).talk().matches(line).count()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_while_tables_cannot_grow() {
    let (server, disk) = SmallDisk::start(Part::Tables);
    let scene = Scene::start("tables", server.url()).await;
    disk.fill();
    scene.is_away().await;
    scene.are_refused(REFUSED).await;
    assert!(server.is_up(), "it is an error of a statement");
    // Some writes find a place all the while.
    assert_eq!(told(&scene, TROUBLE), [1; NODES]);
    assert_eq!(told(&scene, ITS_END), [0; NODES]);
    disk.clear();
    scene.is_back("tables can grow again").await;
    assert_eq!(told(&scene, ITS_END), [1; NODES]);
    scene.end(server.url()).await.terminate().await;
}

/// Has the server begin one segment of its log after the other, until it is down for lack of another.
async fn use_up_the_log(server: &OwnServer) {
    until_at_last("the server to give up", DOWN_BOUND, LOOK, || async {
        if let Ok(client) = connect(server.url()).await {
            while client.execute("SELECT pg_switch_wal()", &[]).await.is_ok() {}
        }
        (!server.is_up()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_while_the_log_cannot_grow() {
    let (server, disk) = SmallDisk::start(Part::Log);
    let scene = Scene::start("log", server.url()).await;
    disk.fill();
    use_up_the_log(&server).await;
    scene.is_away().await;
    scene.are_refused(REFUSED).await;
    // Before it gives up it comes back for moments.
    assert!(told(&scene, TROUBLE).iter().all(|times| (1..=2).contains(times)), "{}", scene.cluster.talk());
    disk.clear();
    server.start_again();
    scene.is_back("the log can grow again").await;
    scene.end(server.url()).await.terminate().await;
}
