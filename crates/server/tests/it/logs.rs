//! What is written to the log, and what never is.

use std::cell::RefCell;
use std::io;
use std::sync::Once;

use serde_json::json;
use tracing::Level;

use crate::world::{EVENT, KEY, NOW, SECRET, World, signed};

thread_local! {
    /// What was logged on this thread. A test's server runs on the test's own thread.
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Writes to the thread's own lines. One subscriber for the whole process: what tracing remembers of where lines come from is
/// the process's, so that subscribers which come and go on other threads would switch lines off here.
pub(crate) struct Log;

impl Log {
    /// To be called before anything is logged, by whoever starts a server.
    pub(crate) fn listen() {
        static LISTENING: Once = Once::new();
        LISTENING.call_once(|| {
            let lines =
                tracing_subscriber::fmt().with_max_level(Level::TRACE).with_ansi(false).with_writer(|| Log);
            tracing::subscriber::set_global_default(lines.finish()).unwrap();
        });
    }

    fn text() -> String {
        LINES.with_borrow(|lines| String::from_utf8(lines.clone()).unwrap())
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn calls_leave_ids_and_codes_and_never_a_secret() {
    let world = World::start().await;
    let source = world.source().await;
    let accepted = world.signed_call(&source, "wh_1", EVENT).await;
    let rejected = signed("wh_2", NOW - 301, EVENT);
    world.call(&source.path, &rejected.borrowed(), EVENT).await.error();
    world.get("/v1/nothing-of-the-kind").await.error();
    let endpoint = json!({"name": "app", "url": "https://app.example.com/", "event_types": ["batch.*"]});
    let endpoint = world.post("/v1/webhook_endpoints", &endpoint).await.ok();

    let text = Log::text();
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
