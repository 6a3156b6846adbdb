//! The database is lost with the answer to a commit: a request under an `Idempotency-Key` is not done twice
//! for that.

use ringback_store::StoreError;
use ringback_testkit::{Gate, Op, unavailable};
use serde_json::{Value, json};

use crate::idempotency::abandon;
use crate::world::World;

const EVENTS: &str = "/v1/webhook_events";
const ENDPOINTS: &str = "/v1/webhook_endpoints";

fn endpoint() -> Value {
    json!({"name": "app", "url": "https://app.example/", "event_types": ["*"]})
}

/// How many there are.
async fn count(world: &World, list: &str) -> usize {
    world.get(list).await.ok()["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn what_may_have_happened_is_not_done_again_and_what_did_not_is() {
    let world = World::start().await;
    world.faults.lose_answers(Op::Configure, 1);
    let lost = world.post_once("lost", ENDPOINTS, &endpoint()).await;
    assert_eq!(lost.error(), (503, "outcome_unknown".to_owned()));
    assert_eq!(lost.header("retry-after"), Some("5"));
    for _ in 0..2 {
        let again = world.post_once("lost", ENDPOINTS, &endpoint()).await;
        assert_eq!(again.error(), (409, "idempotency_interrupted".to_owned()));
        assert_eq!(again.header("x-should-retry"), Some("false"));
    }
    assert_eq!(count(&world, ENDPOINTS).await, 1, "it is there, and once");

    world.faults.refuse_times(Op::Configure, unavailable(), 1);
    let refused = world.post_once("refused", ENDPOINTS, &endpoint()).await;
    assert_eq!(refused.error(), (503, "store_unavailable".to_owned()));
    world.post_once("refused", ENDPOINTS, &endpoint()).await.ok();
    assert_eq!(count(&world, ENDPOINTS).await, 2);
}

#[tokio::test]
async fn what_came_to_nothing_is_run_again_although_the_database_did_not_take_that() {
    let world = World::start().await;
    let gate = Gate::shut();
    world.faults.hold(Op::Configure, &gate);
    let body = endpoint();
    let it_goes_away = async {
        world.faults.asked_at_least(Op::Configure, 1).await;
        world.faults.refuse(Op::Configure, unavailable());
        world.faults.refuse(Op::Idempotency, unavailable());
        gate.open();
    };
    let (refused, ()) = tokio::join!(world.post_once("k", ENDPOINTS, &body), it_goes_away);
    assert_eq!(refused.error(), (503, "store_unavailable".to_owned()));
    world.faults.heal();
    world.faults.lose_answers(Op::Configure, 1);
    let lost = world.post_once("k", ENDPOINTS, &body).await;
    assert_eq!(lost.error(), (503, "outcome_unknown".to_owned()), "it was run");
    let again = world.post_once("k", ENDPOINTS, &body).await;
    assert_eq!(again.error(), (409, "idempotency_interrupted".to_owned()), "it may have happened now");
    assert_eq!(count(&world, ENDPOINTS).await, 1);
}

#[tokio::test]
async fn what_may_be_published_is_published_again_as_the_same_whatever_comes_between() {
    let world = World::start().await;
    let event = json!({"type": "a.b", "data": {}});
    world.faults.lose_answers(Op::Append, 1);
    let lost = world.post_once("k", EVENTS, &event).await;
    assert_eq!(lost.error(), (503, "outcome_unknown".to_owned()));
    for (error, status) in [(StoreError::NotFound { noun: "project" }, 404), (unavailable(), 503)] {
        world.faults.refuse_times(Op::Append, error, 1);
        assert_eq!(world.post_once("k", EVENTS, &event).await.error().0, status);
    }
    let first = world.get(EVENTS).await.ok()["data"][0]["id"].clone();
    let again = world.post_once("k", EVENTS, &event).await.ok();
    assert_eq!((&again["id"], &again["duplicate"]), (&first, &json!(true)));
    assert_eq!(world.post_once("k", EVENTS, &event).await.ok(), again);
    assert_eq!(count(&world, EVENTS).await, 1);
}

#[tokio::test]
async fn what_was_done_and_could_not_be_read_back_is_not_done_again() {
    let world = World::start().await;
    world.endpoint("http://127.0.0.1:1/", json!({"paused": true})).await;
    let event = world.publish("a.b", "1").await;
    let (path, body) = (format!("{EVENTS}/{event}/redeliver"), json!({}));
    let gate = Gate::shut();
    world.faults.hold(Op::Redeliver, &gate);
    let reading_fails = async {
        world.faults.asked_at_least(Op::Redeliver, 1).await;
        world.faults.refuse(Op::Read, unavailable());
        gate.open();
    };
    let (answer, ()) = tokio::join!(world.post_once("k", &path, &body), reading_fails);
    assert_eq!(answer.error(), (503, "store_unavailable".to_owned()));
    world.faults.heal();
    let again = world.post_once("k", &path, &body).await;
    assert_eq!(again.error(), (409, "idempotency_interrupted".to_owned()));
    assert_eq!(count(&world, "/v1/webhook_deliveries").await, 2, "the first, and one more");
}

#[tokio::test]
async fn a_beginning_whose_answer_is_lost_is_one() {
    let world = World::start().await;
    world.faults.lose_answers(Op::Idempotency, 1);
    let made = world.post_once("k", ENDPOINTS, &endpoint()).await.ok();
    let again = world.post_once("k", ENDPOINTS, &endpoint()).await;
    assert_eq!((again.header("idempotent-replayed"), again.ok()), (Some("true"), made));
}

#[tokio::test]
async fn only_what_is_harmless_twice_is_run_again() {
    let world = World::start().await;
    let harmless = [
        "/v1/webhook_events",
        "/v1/webhook_events/batch",
        "/v1/webhook_sources/whsrc_1",
        "/v1/webhook_endpoints/whe_1",
        "/v1/webhook_event_types",
        "/v1/webhook_receipts/whrcp_1/admit",
        "/v1/webhook_deliveries/whd_1/cancel",
        "/v1/webhook_replays/whrp_1/cancel",
        "/v1/organization/projects/proj_1",
        "/v1/organization/projects/proj_1/archive",
    ];
    let others = [
        "/v1/webhook_sources",
        "/v1/webhook_sources/whsrc_1/signing_secrets",
        "/v1/webhook_sources/whsrc_1/test",
        "/v1/webhook_endpoints",
        "/v1/webhook_endpoints/whe_1/rotate_secret",
        "/v1/webhook_endpoints/whe_1/test",
        "/v1/webhook_events/whev_1/redeliver",
        "/v1/webhook_deliveries/whd_1/redeliver",
        "/v1/webhook_replays",
        "/v1/organization/projects",
        "/v1/organization/projects/proj_1/api_keys",
    ];
    let body = json!({"nothing": "that is known"});
    for (paths, is_run) in [(&harmless[..], true), (&others[..], false)] {
        for path in paths {
            abandon(&world, path, "k", &body).await;
            let (_, code) = world.post_once("k", path, &body).await.error();
            assert_eq!(code != "idempotency_interrupted", is_run, "{path}: {code}");
        }
    }
}
