//! `/healthz` and `/readyz`.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_server_is_well_even_when_its_store_is_not() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let ready = client.request("GET", "/readyz", &[], b"").await;
    assert_eq!(
        (ready.status, ready.json()),
        (200, json!({"status": "ready", "store": {"status": "ok", "kind": "sqlite"}}))
    );

    ringback_store::Store::close(&*world.store).await;
    let begun = Instant::now();
    let mut ready = client.request("GET", "/readyz", &[], b"").await;
    // What was found before holds for a second.
    while ready.status == 200 && begun.elapsed() < Duration::from_secs(5) {
        tokio::time::sleep(Duration::from_millis(20)).await;
        ready = client.request("GET", "/readyz", &[], b"").await;
    }
    let unavailable = json!({"status": "unavailable", "store": {"status": "closed", "kind": "sqlite"}});
    assert_eq!((ready.status, ready.json()), (503, unavailable));
    let health = client.request("GET", "/healthz", &[], b"").await;
    assert_eq!((health.status, health.json()), (200, json!({"status": "ok", "version": "1.2.3"})));
}
