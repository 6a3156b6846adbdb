//! The first whole slice, through the real binary: a call signed as OpenAI signs comes in and reaches the
//! user's own app.

use http::Method;
use ringback_testkit::{Gate, Gateway, HttpLine, OpenAi, Receiver, Reply, secret, until, wall_clock_now};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_ringback");

const BODY: &str = "{ \"object\": \"event\", \"id\": \"evt_685343a1\",\t\"type\":\"batch.completed\",\
                     \"created_at\":1750287018, \"data\":{\"id\":\"batch_abc\"}, \"extra\":\"\\u00e9é\" }\n";

/// Posts a call now; it must be taken. Gives the receipt.
async fn post(openai: &mut OpenAi, webhook_id: &str, body: &str) -> Value {
    let answer = openai.post(webhook_id, wall_clock_now().to_wire(), body.to_owned()).await;
    let answer = answer.expect("the gateway answers");
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.json()
}

/// The event of a receipt, once it is in this state.
async fn event_once(gateway: &Gateway, receipt: &Value, state: &str) -> Value {
    let id = receipt["event_id"].as_str().expect("a receipt names its event");
    let what = format!("the event to be {state}");
    until(&what, || async { Some(gateway.event(id).await).filter(|event| event["state"] == state) }).await
}

#[tokio::test]
async fn a_signed_call_comes_in_and_reaches_the_app() {
    let gateway = Gateway::start(BINARY).await;
    let receiver = Receiver::start().await;
    receiver.always(Reply::status(200).with_body("got it"));
    let mut openai = gateway.openai(&secret(1)).await;
    let (endpoint, endpoint_secret) = gateway.create_endpoint(&receiver.url(), &["batch.completed"]).await;

    let receipt = post(&mut openai, "wh_685343a1", BODY).await;
    assert_eq!(receipt["object"], "webhook_receipt");
    assert_eq!(receipt["status"], "accepted");

    let call = receiver.next().await;
    assert_eq!(call.method, Method::POST);
    assert_eq!(call.body, BODY);
    assert_eq!(call.webhook_id(), "wh_685343a1");
    assert_eq!(call.header("content-type"), "application/json");
    assert_eq!(call.header("user-agent"), concat!("Ringback/", env!("CARGO_PKG_VERSION")));
    call.assert_verifies(&endpoint_secret, wall_clock_now());

    let event = event_once(&gateway, &receipt, "delivered").await;
    assert_eq!(event["type"], "batch.completed");
    assert_eq!(event["webhook_id"], "wh_685343a1");
    assert_eq!(event["upstream_event_id"], "evt_685343a1");
    assert_eq!(event["object_id"], "batch_abc");
    assert_eq!(event["payload_bytes"], BODY.len());
    assert_eq!(event["payload"], serde_json::from_str::<Value>(BODY).unwrap());
    let delivery = &event["deliveries"][0];
    assert_eq!(event["deliveries"].as_array().unwrap().len(), 1);
    assert_eq!(delivery["endpoint_id"], endpoint["id"]);
    assert_eq!(delivery["trigger"], "event");
    assert_eq!(delivery["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(delivery["attempts"][0]["outcome"], "succeeded");
    assert_eq!(delivery["attempts"][0]["status_code"], 200);
    assert_eq!(delivery["attempts"][0]["response_body"], "got it");

    let stopped = gateway.terminate().await;
    assert!(stopped.talk.contains("wh_685343a1"), "the log names the call:\n{}", stopped.talk);
    for hidden in [secret(1).reveal().as_str(), endpoint_secret.reveal().as_str(), "batch_abc", "v1,"] {
        assert!(!stopped.talk.contains(hidden), "{hidden} is in the log:\n{}", stopped.talk);
    }
}

#[tokio::test]
async fn an_event_that_nobody_wants_is_kept_and_visibly_unrouted() {
    let gateway = Gateway::start(BINARY).await;
    let receiver = Receiver::start().await;
    let mut openai = gateway.openai(&secret(1)).await;
    gateway.create_endpoint(&receiver.url(), &["response.*"]).await;

    let receipt = post(&mut openai, "wh_1", BODY).await;
    assert_eq!(receipt["status"], "accepted");
    let event = event_once(&gateway, &receipt, "unrouted").await;
    assert_eq!(event["deliveries"], json!([]));

    let events = gateway.events().await;
    assert_eq!(events.len(), 1);
    assert_eq!((&events[0]["id"], &events[0]["state"]), (&receipt["event_id"], &json!("unrouted")));
    for (query, found) in [("object_id=batch_abc", 1), ("object_id=batch_other", 0), ("type=batch.failed", 0)]
    {
        let list = gateway.get(&format!("/v1/webhook_events?{query}")).await;
        assert_eq!(list["data"].as_array().unwrap().len(), found, "{query}");
    }
    assert_eq!(receiver.call_count(), 0);
    gateway.terminate().await;
}

#[tokio::test]
async fn a_repeated_call_is_answered_200_and_delivered_once() {
    let gateway = Gateway::start(BINARY).await;
    let receiver = Receiver::start().await;
    let mut openai = gateway.openai(&secret(1)).await;
    gateway.create_endpoint(&receiver.url(), &["*"]).await;

    let first = post(&mut openai, "wh_1", BODY).await;
    event_once(&gateway, &first, "delivered").await;
    let again = post(&mut openai, "wh_1", BODY).await;
    let other = post(&mut openai, "wh_2", BODY).await;
    event_once(&gateway, &other, "delivered").await;

    assert_eq!((&again["status"], &again["event_id"]), (&json!("duplicate"), &first["event_id"]));
    let ids: Vec<_> = receiver.calls().iter().map(|call| call.webhook_id().to_owned()).collect();
    assert_eq!(ids, ["wh_1", "wh_2"]);
    assert_eq!(gateway.events().await.len(), 2);
    gateway.terminate().await;
}

#[tokio::test]
async fn a_call_that_is_signed_wrong_or_stale_is_refused_and_leaves_nothing() {
    let gateway = Gateway::start(BINARY).await;
    let source = gateway.create_source(&secret(1)).await;
    let url = source["url"].as_str().unwrap();
    let now = wall_clock_now().to_wire();
    let stale = ringback_webhook::UnixSeconds(now.0 - 310);

    for (key, timestamp) in [(secret(2), now), (secret(1), stale)] {
        let answer = OpenAi::new(url, key).post("wh_1", timestamp, BODY).await.unwrap();
        assert_eq!(answer.status, 401);
        assert!(answer.json()["error"]["code"].is_string());
    }
    assert_eq!(gateway.events().await, [] as [Value; 0]);
    gateway.terminate().await;
}

#[tokio::test]
async fn sigterm_lets_a_slow_attempt_finish() {
    let mut gateway = Gateway::start(BINARY).await;
    let receiver = Receiver::start().await;
    let gate = Gate::shut();
    receiver.always(Reply::status(200).behind(&gate));
    let mut openai = gateway.openai(&secret(1)).await;
    gateway.create_endpoint(&receiver.url(), &["*"]).await;
    let receipt = post(&mut openai, "wh_1", BODY).await;
    receiver.running(1).await;

    // Twice at once is one wish, as when a supervisor tells a whole group of processes.
    gateway.ask_to_stop().await;
    gateway.ask_to_stop().await;
    let url = gateway.url().to_owned();
    until("the gateway to take no calls any more", || async {
        let request = http::Request::get("/healthz").body(bytes::Bytes::new()).unwrap();
        HttpLine::new(&url).send(request).await.err()
    })
    .await;
    gate.open();
    let gateway = gateway.ended().await.start().await;

    let event = event_once(&gateway, &receipt, "delivered").await;
    assert_eq!(event["deliveries"][0]["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(receiver.call_count(), 1, "nothing was left to be repeated");
    gateway.terminate().await;
}

#[tokio::test]
async fn an_address_at_which_nobody_can_call_is_warned_of() {
    let everywhere = || Gateway::builder(BINARY).listen("0.0.0.0:0".parse().unwrap());
    let warns = |gateway: &Gateway| gateway.talk().contains("nobody can call");
    let gateway = everywhere().start().await;
    assert!(warns(&gateway), "{}", gateway.talk());
    gateway.terminate().await;
    let gateway = everywhere().env("RINGBACK_PUBLIC_URL", "https://hooks.example.com").start().await;
    assert!(!warns(&gateway), "{}", gateway.talk());
    gateway.terminate().await;
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let gateway = Gateway::start(BINARY).await;
    let receiver = Receiver::start().await;
    let mut openai = gateway.openai(&secret(1)).await;
    let (endpoint, endpoint_secret) = gateway.create_endpoint(&receiver.url(), &["*"]).await;
    let receipt = post(&mut openai, "wh_1", BODY).await;
    let before = event_once(&gateway, &receipt, "delivered").await;
    let sources = gateway.get("/v1/webhook_sources").await;

    let gateway = gateway.terminate().await.start().await;

    assert_eq!(gateway.event(receipt["event_id"].as_str().unwrap()).await, before);
    assert_eq!(gateway.get("/v1/webhook_sources").await, sources);
    let endpoints = gateway.get("/v1/webhook_endpoints").await;
    assert_eq!(endpoints["data"][0]["id"], endpoint["id"]);
    assert_eq!(endpoints["data"][0]["signing_secret_hint"], endpoint["signing_secret_hint"]);
    assert_eq!(post(&mut openai, "wh_1", BODY).await["status"], "duplicate");
    let receipt = post(&mut openai, "wh_2", BODY).await;
    assert_eq!(receipt["status"], "accepted");
    event_once(&gateway, &receipt, "delivered").await;
    receiver.calls()[1].assert_verifies(&endpoint_secret, wall_clock_now());
    gateway.terminate().await;
}

#[tokio::test]
async fn a_second_process_on_the_same_folder_refuses_to_start() {
    let gateway = Gateway::start(BINARY).await;

    let refused = Gateway::builder(BINARY).on_folder(gateway.data_dir()).try_start().await.unwrap_err();

    assert_eq!(refused.code, Some(5), "{}", refused.talk);
    let folder = gateway.data_dir().display().to_string();
    for words in ["in use by another Ringback", folder.as_str(), "--data-dir"] {
        assert!(refused.talk.contains(words), "no {words:?} in:\n{}", refused.talk);
    }
    assert_eq!(gateway.get("/healthz").await["status"], "ok", "the first one goes on");
    gateway.terminate().await;
}
