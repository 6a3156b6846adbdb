//! `Idempotency-Key`.

use ringback_domain::Timestamp;
use ringback_store::{Beginning, Begun, IdempotencyKey, Store as _};
use ringback_testkit::{Gate, Receiver, Reply};
use serde_json::{Value, json};

use crate::world::{KEY, NOW, World};

const EVENTS: &str = "/v1/webhook_events";
const ENDPOINTS: &str = "/v1/webhook_endpoints";

#[tokio::test]
async fn a_repetition_is_answered_as_the_first_was_and_makes_nothing() {
    let world = World::start().await;
    let body = json!({"name": "app", "url": "https://app.example/", "event_types": ["*"]});
    let first = world.post_once("k 1!", ENDPOINTS, &body).await;
    assert_eq!(first.header("idempotent-replayed"), None);
    world.turn(3600);
    let again = world.post_once("k 1!", ENDPOINTS, &body).await;
    assert_eq!(again.ok(), first.ok(), "with its secret");
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(world.get(ENDPOINTS).await.ok()["data"].as_array().unwrap().len(), 1);

    let published = world.post_once("k 1!", EVENTS, &json!({"type": "a.b", "data": {}})).await.ok();
    let again = world.post_once("k 1!", EVENTS, &json!({"type": "a.b", "data": {}})).await;
    assert_eq!(again.ok(), published, "another path is another key");
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
}

#[tokio::test]
async fn another_body_is_422_and_another_key_or_project_is_another_request() {
    let world = World::start().await;
    let event = |n: u32| json!({"type": "a.b", "data": {"n": n}});
    let first = world.post_once("k", EVENTS, &event(1)).await.ok();
    let other = world.post_once("k", EVENTS, &event(2)).await;
    assert_eq!(other.error(), (422, "idempotency_key_reused".to_owned()));
    assert_ne!(world.post_once("k2", EVENTS, &event(1)).await.ok()["id"], first["id"]);
    let (_, key) = world.project("shop").await;
    let headers = [("idempotency-key", "k")];
    let theirs = world.api_as(&key, &headers, "POST", EVENTS, &event(2).to_string()).await.ok();
    assert_ne!(theirs["webhook_id"], first["webhook_id"]);
}

#[tokio::test]
async fn an_answer_is_kept_for_24_hours() {
    let world = World::start().await;
    let body = json!({"name": "shop"});
    let projects = "/v1/organization/projects";
    let first = world.post_once("k", projects, &body).await.ok();
    world.turn(24 * 3600);
    assert_eq!(world.post_once("k", projects, &body).await.ok(), first);
    world.turn(1);
    let again = world.post_once("k", projects, &body).await;
    assert_eq!(again.error(), (400, "name_taken".to_owned()), "it was run again");
}

#[tokio::test]
async fn only_what_happened_is_kept() {
    let world = World::start().await;
    let body = json!({"name": "app", "url": "https://app.example/", "event_types": ["order.paid"]});
    assert_eq!(world.post_once("k", ENDPOINTS, &body).await.error().0, 400);
    world.post("/v1/webhook_event_types", &json!({"name": "order.paid"})).await.ok();
    let made = world.post_once("k", ENDPOINTS, &body).await;
    assert_eq!((made.status, made.header("idempotent-replayed")), (200, None), "it was run again");
    assert_eq!(world.post_once("k", ENDPOINTS, &body).await.ok(), made.ok());

    let receiver = Receiver::start().await;
    let endpoint = world.endpoint("http://127.0.0.1:1/", json!({})).await;
    let path = format!("{ENDPOINTS}/{}", endpoint["id"].as_str().unwrap());
    let body = json!({"event_type": "batch.completed"});
    assert_eq!(world.post_once("t", &format!("{path}/test"), &body).await.error().0, 502);
    world.post(&path, &json!({"url": receiver.url()})).await.ok();
    let again = world.post_once("t", &format!("{path}/test"), &body).await;
    assert_eq!(again.ok()["status_code"], json!(200), "tested again");
}

#[tokio::test]
async fn the_admins_answers_are_not_for_a_projects_key() {
    let world = World::start().await;
    let (project, key) = world.project("shop").await;
    let as_project = async |path: &str, body: &Value| {
        let headers = [("idempotency-key", "ci-1")];
        world.api_as(&key, &headers, "POST", path, &body.to_string()).await
    };
    let keys = format!("/v1/organization/projects/{project}/api_keys");
    let routes = [
        ("/v1/organization/projects".to_owned(), json!({"name": "new"})),
        (keys, json!({"name": "ci"})),
        (format!("/v1/organization/projects/{project}"), json!({"name": "store"})),
        (format!("/v1/organization/projects/{project}/archive"), json!({})),
    ];
    for (path, body) in &routes {
        world.post_once("ci-1", path, body).await.ok();
        let stranger = as_project(path, body).await;
        assert_eq!(stranger.error(), (403, "admin_key_required".to_owned()), "{path}");
    }
    // Nor within one project.
    let (_, key) = world.project("other").await;
    let body = json!({"name": "app", "url": "https://app.example/", "event_types": ["*"]});
    let in_other = [("idempotency-key", "k"), ("openai-project", "other")];
    let admins = world.api_as(KEY, &in_other, "POST", ENDPOINTS, &body.to_string()).await.ok();
    let theirs = world.api_as(&key, &in_other[..1], "POST", ENDPOINTS, &body.to_string()).await;
    assert_eq!(theirs.header("idempotent-replayed"), None);
    assert_ne!(theirs.ok()["signing_secret"], admins["signing_secret"]);
}

/// Leaves a row behind as a request of this process does whose end the database did not take.
pub(crate) async fn abandon(world: &World, path: &str, key: &str, body: &Value) {
    let config = world.store.config();
    let default = config.projects().find(|project| project.project.name == "default").unwrap();
    let sha256 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body.to_string().as_bytes());
    let beginning = Beginning {
        key: IdempotencyKey {
            project_id: default.project.id,
            route: format!("admin POST {path}"),
            key: key.to_owned(),
        },
        request_sha256: sha256.as_ref().try_into().unwrap(),
        repeatable: true,
        nonce: [7; 16],
        now: Timestamp::from_unix_secs(NOW),
    };
    assert_eq!(world.store.begin_idempotent(beginning).await.unwrap(), Begun::New { nonce: [7; 16] });
}

#[tokio::test]
async fn what_was_abandoned_is_published_again_as_the_same_and_anything_else_is_told_so() {
    let world = World::start().await;
    let event = json!({"type": "a.b", "data": {"n": 1}});
    for key in ["first", "second"] {
        abandon(&world, EVENTS, key, &event).await;
    }
    let first = world.post_once("first", EVENTS, &event).await.ok();
    assert_eq!(first["duplicate"], json!(false));
    // The same number stands for the same id.
    let second = world.post_once("second", EVENTS, &event).await.ok();
    assert_eq!((&second["id"], &second["duplicate"]), (&first["id"], &json!(true)));
    assert_eq!(world.post_once("first", EVENTS, &event).await.ok(), first);

    let endpoint = json!({"name": "app", "url": "https://app.example/", "event_types": ["*"]});
    abandon(&world, ENDPOINTS, "k", &endpoint).await;
    let answer = world.post_once("k", ENDPOINTS, &endpoint).await;
    assert_eq!(answer.error(), (409, "idempotency_interrupted".to_owned()));
    assert_eq!(answer.header("x-should-retry"), Some("false"));
}

#[tokio::test]
async fn while_the_first_runs_the_second_is_409_and_to_come_back() {
    let world = World::start().await;
    let (receiver, gate) = (Receiver::start().await, Gate::shut());
    receiver.enqueue([Reply::status(204).behind(&gate)]);
    let endpoint = world.endpoint(&receiver.url(), json!({})).await;
    let test = format!("{ENDPOINTS}/{}/test", endpoint["id"].as_str().unwrap());
    let body = json!({"event_type": "batch.completed"});
    let asked_meanwhile = async {
        receiver.running(1).await;
        let second = world.post_once("k", &test, &body).await;
        gate.open();
        second
    };
    let (first, second) = tokio::join!(world.post_once("k", &test, &body), asked_meanwhile);
    assert_eq!(second.error(), (409, "idempotency_key_in_use".to_owned()));
    assert_eq!(second.header("retry-after"), Some("1"));
    assert_eq!(first.ok()["status_code"], json!(204));
    assert_eq!(world.post_once("k", &test, &body).await.ok(), first.ok());
    assert_eq!(receiver.call_count(), 1);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_undo_what_it_asked_for() {
    let world = World::start().await;
    let (receiver, gate) = (Receiver::start().await, Gate::shut());
    receiver.enqueue([Reply::status(204).behind(&gate)]);
    let endpoint = world.endpoint(&receiver.url(), json!({})).await;
    let test = format!("{ENDPOINTS}/{}/test", endpoint["id"].as_str().unwrap());
    let body = json!({"event_type": "batch.completed"});
    {
        let mut client = world.connect().await;
        let text = body.to_string();
        let head = format!(
            "POST {test} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\nidempotency-key: k\r\ncontent-length: {}\r\n\r\n",
            text.len()
        );
        client.write(head.as_bytes()).await;
        client.write(text.as_bytes()).await;
        receiver.running(1).await;
    }
    gate.open();
    let answer = loop {
        let answer = world.post_once("k", &test, &body).await;
        if answer.status != 409 {
            break answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    assert_eq!(answer.ok()["status_code"], json!(204));
    assert_eq!(receiver.call_count(), 1);
}

#[tokio::test]
async fn after_its_day_a_key_is_free_for_another_event() {
    let world = World::start().await;
    let events =
        |n: u32| json!({"events": [{"type": "a.b", "data": {"n": n}}, {"type": "a.b", "data": {"n": n}}]});
    let first = world.post_once("daily", "/v1/webhook_events/batch", &events(1)).await.ok();
    assert_ne!(first["data"][0]["webhook_id"], first["data"][1]["webhook_id"]);
    for n in [1, 2] {
        world.turn(24 * 3600 + 1);
        let next = world.post_once("daily", "/v1/webhook_events/batch", &events(n)).await.ok();
        assert_eq!(next["data"][0]["duplicate"], json!(false));
        assert_ne!(next["data"][0]["webhook_id"], first["data"][0]["webhook_id"]);
    }
}

#[tokio::test]
async fn a_wrong_key_is_named_and_other_methods_have_none() {
    let world = World::start().await;
    for key in ["".to_owned(), "x".repeat(256), "\u{e9}".to_owned(), "a\tb".to_owned()] {
        let answer = world.post_once(&key, EVENTS, &json!({"type": "a.b", "data": {}})).await;
        assert_eq!(answer.error(), (400, "invalid_value".to_owned()), "{key:?}");
        assert_eq!(answer.param().as_deref(), Some("Idempotency-Key"));
    }
    let twice = [("idempotency-key", "a"), ("idempotency-key", "b")];
    let answer = world.api_as(KEY, &twice, "POST", EVENTS, "{}").await;
    assert_eq!(answer.error(), (400, "invalid_value".to_owned()));
    assert_eq!(world.api_as(KEY, &[("idempotency-key", "")], "GET", EVENTS, "").await.status, 200);
    let stranger = world.api_as("wrong", &[("idempotency-key", "a")], "POST", EVENTS, "{}").await;
    assert_eq!(stranger.error(), (401, "invalid_api_key".to_owned()));
}
