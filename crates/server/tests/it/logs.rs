//! What is written to the log, and what never is.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::world::{EVENT, KEY, NOW, SECRET, World, signed};

/// Keeps every line.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn calls_leave_ids_and_codes_and_never_a_secret() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    // The server of a test runs on the test's own thread.
    let _listening = tracing::subscriber::set_default(subscriber);

    let world = World::start().await;
    let source = world.source().await;
    let accepted = world.signed_call(&source, "wh_1", EVENT).await;
    let rejected = signed("wh_2", NOW - 301, EVENT);
    world.call(&source.path, &rejected.borrowed(), EVENT).await.error();
    world.get("/v1/nothing-of-the-kind").await.error();
    let endpoint = json!({"name": "app", "url": "https://app.example.com/", "event_types": ["batch.*"]});
    let endpoint = world.post("/v1/webhook_endpoints", &endpoint).await.ok();

    let text = log.text();
    let received: Vec<_> = text.lines().filter(|line| line.contains("event.received")).collect();
    assert_eq!(received.len(), 1, "{text}");
    for id in [
        &source.id,
        accepted.ok()["event_id"].as_str().unwrap(),
        "wh_1",
        accepted.header("x-request-id").unwrap(),
    ] {
        assert!(received[0].contains(id), "{id} is not in {}", received[0]);
    }
    let rejection =
        text.lines().find(|line| line.contains("timestamp_too_old")).expect("a line of the rejection");
    assert!(rejection.contains("DEBUG") && rejection.contains(&source.id), "{rejection}");

    let token = source.path.strip_prefix("/in/").unwrap();
    let signature = &rejected.0.iter().find(|(name, _)| *name == "webhook-signature").unwrap().1;
    let made = endpoint["signing_secret"].as_str().unwrap();
    for secret in [KEY, SECRET, token, &signature["v1,".len()..], made, "resp_1", "nothing-of-the-kind"] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
}
