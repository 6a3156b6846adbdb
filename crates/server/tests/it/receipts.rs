//! Receipts: what is left of refused calls, and how they are admitted after all.

use serde_json::{Value, json};

use crate::world::{EVENT, NOW, SECRET, Source, World, signed};

const REFUSED: &str = "/v1/webhook_receipts?refused=true&order=asc&limit=100";

async fn refused(world: &World, count: usize) -> Vec<Value> {
    let list = world.wait_for(REFUSED, |list| list["data"].as_array().unwrap().len() == count).await;
    list["data"].as_array().unwrap().clone()
}

async fn call_at(world: &World, source: &Source, webhook_id: &str, timestamp: i64) -> (u16, String) {
    world.call(&source.path, &signed(webhook_id, timestamp, EVENT).borrowed(), EVENT).await.error()
}

/// A source that does not have its secret yet.
async fn unconfigured(world: &World) -> Source {
    let source = world.post("/v1/webhook_sources", &json!({"name": "new"})).await.ok();
    let path = source["url"]
        .as_str()
        .unwrap()
        .strip_prefix(&format!("http://{}", world.address))
        .unwrap()
        .to_owned();
    Source { path, id: source["id"].as_str().unwrap().to_owned() }
}

#[tokio::test]
async fn every_call_leaves_a_receipt() {
    let world = World::start().await;
    let source = world.source().await;
    let first = world.signed_call(&source, "wh_1", EVENT).await.ok();
    world.signed_call(&source, "wh_1", br#"{"type":"a.b"}"#).await.ok();
    let bad = signed("wh_2", NOW, EVENT)
        .set("webhook-signature", Some("v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
    world.call(&source.path, &bad.borrowed(), EVENT).await.error();
    refused(&world, 1).await;
    let list = world.get("/v1/webhook_receipts?order=asc").await.ok();
    let shown: Vec<Value> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| json!([r["status"], r["payload_differs"], r["reason"], r["webhook_id"], r["event_id"]]))
        .collect();
    let expected = [
        json!(["accepted", false, null, "wh_1", first["event_id"]]),
        json!(["duplicate", true, null, "wh_1", first["event_id"]]),
        json!(["rejected", false, "signature_mismatch", "wh_2", null]),
    ];
    assert_eq!(shown, expected);
    // Which secret matched is shown.
    let source = world.get(&format!("/v1/webhook_sources/{}", source.id)).await.ok();
    assert_eq!(list["data"][0]["signing_secret_id"], source["signing_secrets"][0]["id"]);
    assert_eq!(list["data"][2]["signing_secret_id"], Value::Null);
}

#[tokio::test]
async fn a_refused_call_is_shown_without_its_signature() {
    let world = World::start().await;
    let source = world.source().await;
    assert_eq!(call_at(&world, &source, "wh_1", NOW - 301).await, (401, "timestamp_too_old".to_owned()));
    let id = refused(&world, 1).await[0]["id"].as_str().unwrap().to_owned();
    let receipt = world.get(&format!("/v1/webhook_receipts/{id}")).await.ok();
    assert_eq!(receipt["call"]["body"], std::str::from_utf8(EVENT).unwrap());
    assert_eq!(receipt["call"]["body_bytes"], EVENT.len());
    assert_eq!(receipt["call"]["headers"]["webhook-id"], "wh_1");
    assert_eq!(receipt["call"]["headers"]["webhook-signature"], "[REDACTED]");
    let unknown = world.get("/v1/webhook_receipts/whrcp_01jy00000000000000000000ab").await;
    assert_eq!(unknown.error(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn an_authentic_late_call_can_be_admitted_by_hand_once() {
    let world = World::start().await;
    let source = world.source().await;
    call_at(&world, &source, "wh_1", NOW - 4000).await;
    let receipt = refused(&world, 1).await.remove(0);
    assert!(receipt["signing_secret_id"].is_string(), "its signature was right: {receipt}");
    let admit = format!("/v1/webhook_receipts/{}/admit", receipt["id"].as_str().unwrap());
    let admitted = world.post(&admit, &json!({})).await.ok();
    assert_eq!((&admitted["status"], &admitted["reason"]), (&json!("accepted"), &json!("timestamp_too_old")));
    assert_eq!(admitted["admitted_at"], NOW);
    let event =
        world.get(&format!("/v1/webhook_events/{}", admitted["event_id"].as_str().unwrap())).await.ok();
    assert_eq!((&event["webhook_id"], &event["type"]), (&json!("wh_1"), &json!("response.completed")));
    // Admitting again changes nothing; the call itself, repeated in time, is a duplicate.
    assert_eq!(world.post(&admit, &json!({})).await.ok()["event_id"], admitted["event_id"]);
    assert_eq!(world.signed_call(&source, "wh_1", EVENT).await.ok()["status"], "duplicate");
    assert_eq!(world.get("/v1/webhook_events").await.ok()["data"].as_array().unwrap().len(), 1);
    assert!(refused(&world, 0).await.is_empty());
}

#[tokio::test]
async fn a_call_that_was_not_authentic_cannot_be_admitted() {
    let world = World::start().await;
    let source = world.source().await;
    let body = [b"{\"type\":\"a.b\",\"pad\":\"".as_slice(), &[b'x'; 20_000], b"\"}"].concat();
    let bad = signed("wh_1", NOW, b"other");
    world.call(&source.path, &bad.borrowed(), EVENT).await.error();
    world.call(&source.path, &signed("wh_2", NOW - 301, &body).borrowed(), &body).await.error();
    for receipt in refused(&world, 2).await {
        let admit = format!("/v1/webhook_receipts/{}/admit", receipt["id"].as_str().unwrap());
        let answer = world.post(&admit, &json!({})).await;
        assert_eq!(answer.error(), (400, "receipt_not_admissible".to_owned()), "{receipt}");
    }
    assert!(world.get("/v1/webhook_events").await.ok()["data"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_source_may_admit_late_calls_by_itself() {
    let world = World::start().await;
    let source = world.source().await;
    let path = format!("/v1/webhook_sources/{}", source.id);
    assert_eq!(world.get(&path).await.ok()["stale_policy"], "reject");
    assert_eq!(world.post(&path, &json!({"stale_policy": "admit"})).await.ok()["stale_policy"], "admit");
    let late = signed("wh_1", NOW - 100_000, EVENT);
    assert_eq!(world.call(&source.path, &late.borrowed(), EVENT).await.ok()["status"], "accepted");
    assert_eq!(call_at(&world, &source, "wh_2", NOW + 301).await, (401, "timestamp_too_new".to_owned()));
    assert_eq!(world.post(&path, &json!({"stale_policy": "x"})).await.error().0, 400);
}

#[tokio::test]
async fn calls_before_the_secret_are_held_and_admitted_by_it() {
    let world = World::start().await;
    let source = unconfigured(&world).await;
    for id in ["wh_1", "wh_2"] {
        assert_eq!(call_at(&world, &source, id, NOW).await, (401, "source_unconfigured".to_owned()));
    }
    // Late already when it came: not right by any secret.
    call_at(&world, &source, "wh_3", NOW - 301).await;
    let held = refused(&world, 3).await;
    assert!(held.iter().all(|receipt| receipt["status"] == "held"), "{held:?}");
    // They are judged by their own time of receipt, however long ago that was.
    world.turn(40_000);
    let secrets = format!("/v1/webhook_sources/{}/signing_secrets", source.id);
    let wrong = "whsec_BBECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    world.post(&secrets, &json!({"signing_secret": wrong})).await.ok();
    assert_eq!(refused(&world, 3).await.len(), 3, "another secret admits none");
    world.post(&secrets, &json!({"signing_secret": SECRET})).await.ok();
    let left = refused(&world, 1).await.remove(0);
    assert_eq!((&left["webhook_id"], &left["status"]), (&json!("wh_3"), &json!("held")));
    let events = world.get("/v1/webhook_events?order=asc").await.ok();
    let mut ids: Vec<&str> =
        events["data"].as_array().unwrap().iter().map(|e| e["webhook_id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["wh_1", "wh_2"]);
}

#[tokio::test]
async fn all_refused_calls_are_counted_and_sixty_a_minute_kept() {
    let world = World::start().await;
    let source = world.source().await;
    let mut client = world.connect().await;
    for n in 0..70 {
        let call = signed(&format!("wh_{n}"), NOW - 301, EVENT);
        client.request("POST", &source.path, &call.borrowed(), EVENT).await.error();
    }
    client.request("GET", &source.path, &[], b"").await.error();
    client.request("POST", "/in/nobody", &[], EVENT).await.error();
    let stats = world
        .wait_for("/v1/webhook_stats", |stats| {
            stats["refused"]["timestamp_too_old"] == 70 && stats["refused"]["method_not_allowed"] == 1
        })
        .await;
    assert_eq!(stats["unknown_sources"], 1);
    assert_eq!(refused(&world, 60).await.len(), 60);
    // The next minute has its own allowance.
    world.turn(60);
    world.call(&source.path, &signed("wh_late", NOW - 301, EVENT).borrowed(), EVENT).await.error();
    refused(&world, 61).await;
}

#[tokio::test]
async fn receipts_are_filtered_by_source_and_wrong_filters_are_named() {
    let world = World::start().await;
    let (a, b) = (world.source().await, world.source().await);
    world.signed_call(&a, "wh_1", EVENT).await.ok();
    world.signed_call(&b, "wh_1", EVENT).await.ok();
    let list = world.get(&format!("/v1/webhook_receipts?source_id={}", b.id)).await.ok();
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    assert_eq!(list["data"][0]["source_id"], b.id);
    for wrong in ["source_id=x", "refused=maybe", "state=x"] {
        assert_eq!(world.get(&format!("/v1/webhook_receipts?{wrong}")).await.error().0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn while_a_secret_is_rotated_either_is_good_and_the_receipt_shows_which() {
    let world = World::start().await;
    let source = world.source().await;
    let path = format!("/v1/webhook_sources/{}/signing_secrets", source.id);
    let second = ringback_webhook::SigningSecret::from_key_bytes(&[9; 32]).unwrap();
    let secrets = world.post(&path, &json!({"signing_secret": second.reveal().as_str()})).await.ok();

    world.signed_call(&source, "wh_first", EVENT).await.ok();
    let by_second = ringback_webhook::sign([&second], "wh_second", NOW.into(), EVENT).unwrap();
    let signature = by_second.webhook_signature.to_str().unwrap();
    let headers = signed("wh_second", NOW, EVENT).set("webhook-signature", Some(signature));
    world.call(&source.path, &headers.borrowed(), EVENT).await.ok();

    let list = world.get("/v1/webhook_receipts?order=asc").await.ok();
    for (n, webhook_id) in ["wh_first", "wh_second"].into_iter().enumerate() {
        assert_eq!(list["data"][n]["webhook_id"], webhook_id);
        assert_eq!(list["data"][n]["signing_secret_id"], secrets["signing_secrets"][n]["id"]);
    }
}
