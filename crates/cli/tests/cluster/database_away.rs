//! PostgreSQL is restarted, crashes, stands still and has its connections cut, under load: ingest says 503
//! meanwhile and loses nothing, `/readyz` says so, and all goes on by itself.

use std::time::{Duration, Instant};

use ringback_testkit::postgres::OwnServer;

use crate::scene::{NODES, Scene};

/// How long the server stands still: longer than a heartbeat may be missed.
const FREEZE: Duration = Duration::from_secs(8);

async fn restart(server: &OwnServer, scene: &Scene, mode: &str) {
    server.stop(mode);
    scene.is_away().await;
    server.start_again();
    scene.is_back(&format!("restarted, {mode}")).await;
}

async fn stand_still(server: &OwnServer, scene: &Scene) {
    let begun = Instant::now();
    server.freeze().await;
    scene.is_away().await;
    tokio::time::sleep(FREEZE.saturating_sub(begun.elapsed())).await;
    server.thaw().await;
    scene.is_back("frozen").await;
}

async fn cut_connections(server: &OwnServer, scene: &Scene, times: usize) {
    for _ in 0..times {
        let cut = server.cut_connections().await;
        assert!(cut >= NODES, "each node was connected");
        scene.flows().await;
    }
    scene.is_back("connections cut").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_while_the_database_is_restarted_cut_off_and_frozen() {
    let server = OwnServer::start();
    let scene = Scene::start("away", server.url()).await;
    cut_connections(&server, &scene, 3).await;
    restart(&server, &scene, "fast").await;
    stand_still(&server, &scene).await;
    restart(&server, &scene, "immediate").await;
    cut_connections(&server, &scene, 2).await;
    scene.end(server.url()).await.terminate().await;
}
