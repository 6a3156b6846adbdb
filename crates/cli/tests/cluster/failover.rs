//! The database has a standby that each commit waits for. It goes away and comes back; then the primary dies,
//! the standby takes its place, and the dead one comes back, first as if nothing had happened, then as a
//! standby. The nodes know both by one address.

use std::time::Instant;

use ringback_testkit::postgres::OwnServer;

use crate::scene::Scene;

/// The primary is gone without a word, and its standby is made the primary.
async fn fail_over(primary: &OwnServer, standby: &OwnServer, scene: &Scene) {
    primary.kill().await;
    scene.is_away().await;
    let begun = Instant::now();
    standby.promote();
    let promoted = begun.elapsed();
    scene.next_is_acknowledged().await;
    println!("promoted within {promoted:?}, acknowledged again {:?} after that", begun.elapsed() - promoted);
    scene.is_back("failed over").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_the_standby_takes_over() {
    let first = OwnServer::start();
    let second = first.standby();
    first.wait_for_standby(true);
    let hosts = [&first, &second].map(|server| format!("127.0.0.1:{}", server.port()));
    let address = format!("postgres://ringback@{}/postgres", hosts.join(","));
    let scene = Scene::start("failover", &address).await;

    second.stop("fast");
    scene.is_away().await;
    second.start_again();
    scene.is_back("the standby was away").await;

    fail_over(&first, &second, &scene).await;

    // It takes writes, and comes first in the address: who has found the other one stays there.
    first.start_again();
    second.cut_connections().await;
    scene.is_back("beside a stale primary").await;
    first.stop("fast");

    first.follow(&second);
    second.wait_for_standby(true);
    second.cut_connections().await;
    scene.is_back("beside a new standby").await;
    scene.end(second.url()).await.terminate().await;
}
