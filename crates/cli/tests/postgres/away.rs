//! The database goes away and comes back: callers are told to come again, whoever watches the node sees it,
//! and nothing is lost.

use std::time::{Duration, Instant};

use http::header::RETRY_AFTER;
use http::{Method, StatusCode};
use ringback_testkit::postgres::OwnServer;
use ringback_testkit::{ADMIN_KEY, Gateway, OpenAi, Receiver, secret, until, wall_clock_now};

use crate::BINARY;
use crate::command::ringback;

const BODY: &str = r#"{"type":"batch.completed","data":{"id":"batch_1"}}"#;
/// By when a caller has to be answered, whatever the database does.
const BOUND: Duration = Duration::from_secs(15);
/// How soon after the database's return everything has to work again.
const SOON: Duration = Duration::from_secs(5);

/// Whether the call is accepted. Whoever is refused is told when to come again.
async fn is_accepted(openai: &mut OpenAi, webhook_id: &str) -> bool {
    let began = Instant::now();
    let answer = openai.post(webhook_id, wall_clock_now().to_wire(), BODY).await.unwrap();
    assert!(began.elapsed() < BOUND, "answered after {:?}", began.elapsed());
    if answer.status != StatusCode::OK {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{:?}", answer.body);
        assert_eq!(answer.headers[RETRY_AFTER], "5");
    }
    answer.status == StatusCode::OK
}

/// Calls until the call is accepted, as OpenAI does, if more often.
async fn comes_again(openai: &mut OpenAi, webhook_id: &str) {
    let began = Instant::now();
    while !is_accepted(openai, webhook_id).await {
        assert!(began.elapsed() < SOON, "the database is back, and is not used");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Every event is there once, and has reached the app.
async fn ends_with(gateway: Gateway, count: usize) {
    until("everything to be delivered", || async {
        let events = gateway.events().await;
        assert!(events.len() <= count, "there are {}", events.len());
        let is_done = |event: &serde_json::Value| event["state"] == "delivered";
        (events.len() == count && events.iter().all(is_done)).then_some(())
    })
    .await;
    gateway.terminate().await;
}

#[tokio::test]
async fn who_calls_while_the_database_is_down_is_told_to_come_again() {
    let server = OwnServer::start();
    let gateway = Gateway::builder(BINARY).database(server.url()).start().await;
    let receiver = Receiver::start().await;
    let mut openai = gateway.openai(&secret(1)).await;
    gateway.create_endpoint(&receiver.url(), &["*"]).await;
    assert!(is_accepted(&mut openai, "wh_before").await);
    for (how, webhook_id) in [("fast", "wh_fast"), ("immediate", "wh_immediate")] {
        server.stop(how);
        for _ in 0..20 {
            assert!(!is_accepted(&mut openai, webhook_id).await);
        }
        let good_news =
            || gateway.talk().matches("writes again").count() + gateway.talk().matches("read again").count();
        let before = good_news();
        gateway.readiness(503).await;
        let answer = gateway.api(Method::GET, "/readyz", None).await;
        assert_eq!(answer.json()["store"]["status"], "unavailable");
        let environment = [("RINGBACK_URL", gateway.url()), ("RINGBACK_API_KEY", ADMIN_KEY)];
        let told = ringback(&["status"], &environment).await;
        assert_eq!(told.code, Some(4), "{}", told.stderr);
        assert!(told.stdout.contains("version ") && told.stdout.contains("  unavailable"), "{}", told.stdout);
        assert!(told.stderr.contains("the server is up, but cannot take events now"), "{}", told.stderr);
        let list = ringback(&["events", "list"], &environment).await;
        assert!(list.stderr.contains("the database cannot be used at the moment"), "{}", list.stderr);
        assert!(!is_accepted(&mut openai, webhook_id).await);
        gateway.readiness(503).await;
        assert_eq!(good_news(), before, "it is away:\n{}", gateway.talk());
        server.start_again();
        comes_again(&mut openai, webhook_id).await;
        gateway.readiness(200).await;
    }
    let talk = gateway.talk();
    let told = talk.matches("the database takes no writes").count();
    assert!((1..=2).contains(&told), "told {told} times for two outages:\n{talk}");
    ends_with(gateway, 3).await;
}

#[tokio::test]
async fn who_calls_while_the_database_says_nothing_is_answered_in_time() {
    let server = OwnServer::start();
    let gateway = Gateway::builder(BINARY).database(server.url()).start().await;
    let receiver = Receiver::start().await;
    let mut openai = gateway.openai(&secret(1)).await;
    gateway.create_endpoint(&receiver.url(), &["*"]).await;
    assert!(is_accepted(&mut openai, "wh_before").await);
    server.freeze().await;
    assert!(!is_accepted(&mut openai, "wh_meanwhile").await);
    gateway.readiness(503).await;
    server.thaw().await;
    comes_again(&mut openai, "wh_meanwhile").await;
    gateway.readiness(200).await;
    ends_with(gateway, 2).await;
}

#[tokio::test]
async fn a_start_without_the_database_is_refused_and_says_what_is_missing() {
    let server = OwnServer::start();
    server.stop("fast");
    let refused = Gateway::builder(BINARY).database(server.url()).try_start().await.unwrap_err();
    assert_eq!(refused.code, Some(5), "{}", refused.talk);
    for said in ["postgres at ", "the database server cannot be reached"] {
        assert!(refused.talk.contains(said), "{}", refused.talk);
    }
    server.start_again();
    let missing = Gateway::builder(BINARY)
        .database(&server.url().replace("/postgres", "/missing"))
        .try_start()
        .await
        .unwrap_err();
    assert!(missing.talk.contains("database \"missing\" does not exist"), "{}", missing.talk);
    assert_eq!(missing.code, Some(5));
}
