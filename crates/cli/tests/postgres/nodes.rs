//! Two nodes behind one database: what is made on one is used on the other.

use http::Method;
use ringback_testkit::postgres::Database;
use ringback_testkit::{Gateway, OpenAi, Receiver, secret, until, wall_clock_now};
use serde_json::{Value, json};

use crate::BINARY;

const BODY: &str = r#"{"type":"batch.completed","data":{"id":"batch_1"}}"#;

async fn two_nodes(database: &Database) -> (Gateway, Gateway) {
    let builder = Gateway::builder(BINARY).database(&database.url());
    tokio::join!(builder.clone().start(), builder.start())
}

/// The source's URL as this node has it.
fn url_on(gateway: &Gateway, source: &Value) -> String {
    let (_, token) = source["url"].as_str().unwrap().split_once("/in/").unwrap();
    format!("{}/in/{token}", gateway.url())
}

#[tokio::test]
async fn what_is_made_on_one_node_is_used_on_the_other() {
    let database = Database::create();
    let (one, two) = two_nodes(&database).await;
    let receiver = Receiver::start().await;
    let source = one.create_source(&secret(1)).await;
    let (endpoint, endpoint_secret) = two.create_endpoint(&receiver.url(), &["batch.*"]).await;

    // A node hears of a change a moment after it was answered.
    let path = format!("/v1/webhook_sources/{}", source["id"].as_str().unwrap());
    until("the other node to know the source", || async {
        (two.api(Method::GET, &path, None).await.status == 200).then_some(())
    })
    .await;
    let mut openai = OpenAi::new(&url_on(&two, &source), secret(1));
    let receipt = openai.post("wh_1", wall_clock_now().to_wire(), BODY).await.unwrap().json();
    let call = receiver.next().await;
    call.assert_verifies(&endpoint_secret, wall_clock_now());

    let id = receipt["event_id"].as_str().unwrap();
    until("the event to be delivered", || async {
        Some(one.event(id).await).filter(|event| event["state"] == "delivered")
    })
    .await;
    let mut openai = OpenAi::new(&url_on(&one, &source), secret(1));
    let again = openai.post("wh_1", wall_clock_now().to_wire(), BODY).await.unwrap().json();
    assert_eq!((&again["status"], &again["event_id"]), (&json!("duplicate"), &receipt["event_id"]));

    let replay = json!({ "endpoint_id": endpoint["id"] });
    let made = one.api(Method::POST, "/v1/webhook_replays", Some(&replay)).await;
    assert_eq!(made.status, 200, "{:?}", made.body);
    assert_eq!(receiver.next().await.webhook_id(), "wh_1");
    one.terminate().await;
    two.terminate().await;
}

#[tokio::test]
async fn a_node_that_stops_or_dies_leaves_its_work_to_the_other() {
    let database = Database::create();
    let (one, two) = two_nodes(&database).await;
    let receiver = Receiver::start().await;
    let mut openai = one.openai(&secret(1)).await;
    one.create_endpoint(&receiver.url(), &["*"]).await;
    for webhook_id in ["wh_1", "wh_2"] {
        openai.post(webhook_id, wall_clock_now().to_wire(), BODY).await.unwrap();
    }
    one.kill().await;
    until("both events to be delivered", || async {
        let events = two.events().await;
        (events.len() == 2 && events.iter().all(|event| event["state"] == "delivered")).then_some(())
    })
    .await;
    two.terminate().await;
}
