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

/// Writes to the thread's own lines. One subscriber for the whole process: what tracing remembers of where
/// lines come from is the process's, so that subscribers which come and go on other threads would switch
/// lines off here.
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

    pub(crate) fn text() -> String {
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

#[cfg(unix)]
#[tokio::test]
async fn a_database_that_takes_nothing_is_told_of_once_and_not_for_each_call() {
    const CALLS: usize = 50;
    let world = World::start().await;
    let source = world.source().await;
    // A connection for reading is opened, as in any server that is at work.
    world.get("/v1/webhook_events").await.ok();
    let (place, aside) = (world.folder.path().join("ringback.db"), world.folder.path().join("aside"));
    std::fs::rename(&place, &aside).unwrap();
    for n in 0..CALLS {
        let answer = world.signed_call(&source, &format!("wh_{n}"), EVENT).await;
        assert_eq!(answer.error(), (503, "store_unavailable".to_owned()));
    }
    assert_eq!(world.get("/readyz").await.status, 503);
    std::fs::rename(&aside, &place).unwrap();
    world.signed_call(&source, "wh_after", EVENT).await.ok();

    let text = Log::text();
    let important: Vec<_> =
        text.lines().filter(|line| line.contains(" ERROR ") || line.contains(" WARN ")).collect();
    let (told, others): (Vec<&str>, Vec<&str>) =
        important.into_iter().partition(|line| line.contains("the database takes no writes"));
    let [told] = told.as_slice() else { panic!("one line was expected, not {}", told.len()) };
    // The deliverer may have wanted one more connection just then.
    assert!(others.len() <= 1 && others.iter().all(|line| line.contains("cannot be read")), "{others:?}");
    assert!(told.contains("put it back"), "{told}");
    let end = text.lines().find(|line| line.contains("takes writes again")).expect("a line of the end");
    let refused = end.split_once("store.refused=").expect("a count").1.parse::<usize>().unwrap();
    assert!(end.contains("INFO") && refused > CALLS, "{end}");
}
