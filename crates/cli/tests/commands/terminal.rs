//! A person at a terminal: the question before a large replay and before what cannot be undone, the bar, and
//! Ctrl-C.

use pty_process::Pty;
use ringback_testkit::{ADMIN_KEY, Gateway, Receiver, within};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Child;

use crate::{BINARY, json_of, run, run_as, text};

/// What Ctrl-C is on a terminal.
const CTRL_C: &str = "\u{3}";

/// A command in a terminal.
struct Session {
    terminal: Pty,
    child: Child,
    screen: String,
}

impl Session {
    fn start(gateway: &Gateway, args: &[&str]) -> Self {
        let (terminal, line) = pty_process::open().unwrap();
        terminal.resize(pty_process::Size::new(24, 120)).unwrap();
        let command = pty_process::Command::new(BINARY).args(args).env_clear().env("TERM", "xterm");
        let command = command.env("RINGBACK_URL", gateway.url()).env("RINGBACK_API_KEY", ADMIN_KEY);
        let child = command.spawn(line).unwrap();
        Self { terminal, child, screen: String::new() }
    }

    /// Waits until this is on the screen.
    async fn sees(&mut self, expected: &str) {
        within(expected, async {
            while !self.screen.contains(expected) {
                assert!(self.read().await, "it ended without {expected:?}: {}", self.screen);
            }
        })
        .await;
    }

    async fn types(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).await.unwrap();
    }

    /// Waits until it has ended; the exit code, and all that was on the screen.
    async fn end(mut self) -> (Option<i32>, String) {
        within("the command to end", async { while self.read().await {} }).await;
        let status = self.child.wait().await.unwrap();
        (status.code(), self.screen)
    }

    /// Whether there was more; Linux ends a terminal that nobody has open with an error.
    async fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        match self.terminal.read(&mut bytes).await {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.screen.push_str(&String::from_utf8_lossy(&bytes[..count]));
                true
            }
        }
    }
}

/// Publishes so many events at once.
async fn publish(gateway: &Gateway, count: usize) {
    let lines = "{\"type\": \"order.paid\", \"data\": {}}\n".repeat(count);
    let done = run_as(gateway, ADMIN_KEY, &["publish", "--file", "-"], &lines).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
}

async fn endpoint(gateway: &Gateway, url: &str) -> String {
    let made = json_of(gateway, &["endpoints", "create", "--name", "app", "--to", url]).await;
    text(&made, "id").to_owned()
}

async fn replays(gateway: &Gateway) -> Vec<Value> {
    json_of(gateway, &["replays", "list"]).await["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_person_is_asked_before_a_large_replay() {
    let gateway = Gateway::start(BINARY).await;
    publish(&gateway, 101).await;
    let receiver = Receiver::start().await;
    let endpoint = endpoint(&gateway, &receiver.url()).await;
    let create = ["replays", "create", "--endpoint", &endpoint, "--rate", "1000"];

    let mut session = Session::start(&gateway, &create);
    session
        .sees(&format!(
            "This makes 101 deliveries to endpoint {endpoint}, 1000 a second: about 1 s. Go on? [y/N] "
        ))
        .await;
    session.types("\n").await;
    let (code, screen) = session.end().await;
    assert_eq!(code, Some(1), "{screen}");
    assert!(screen.contains("not confirmed: nothing is replayed"), "{screen}");
    assert!(!screen.contains("error:"), "to say no is none: {screen}");
    assert!(replays(&gateway).await.is_empty());

    let mut session = Session::start(&gateway, &[&create[..], &["--wait"]].concat());
    session.sees("Go on? [y/N] ").await;
    session.types("y\n").await;
    session.sees("whrp_").await;
    let (code, screen) = session.end().await;
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains("101 of 101 ended: 101 delivered"), "the bar is full: {screen}");
    assert!(screen.contains("[==============================]"), "{screen}");
    assert_eq!(receiver.call_count(), 101);

    let unasked = [&create[..], &["--missed", "--wait"]].concat();
    let (code, screen) = Session::start(&gateway, &unasked).end().await;
    assert_eq!((code, screen.contains("Go on?")), (Some(0), false), "it comes to none: {screen}");
    let (code, screen) = Session::start(&gateway, &[&create[..], &["--yes", "--wait"]].concat()).end().await;
    assert_eq!((code, screen.contains("Go on?")), (Some(0), false), "{screen}");
    let piped = run(&gateway, &[&create[..], &["--wait"]].concat()).await;
    assert_eq!(piped.code, Some(0), "without a terminal nothing is asked: {}", piped.stderr);
    assert_eq!(replays(&gateway).await.len(), 4);
    gateway.terminate().await;
}

#[tokio::test]
async fn ctrl_c_ends_the_watching_and_not_the_replay() {
    let gateway = Gateway::start(BINARY).await;
    let receiver = Receiver::start().await;
    publish(&gateway, 1).await;
    let endpoint = endpoint(&gateway, &receiver.url()).await;
    run(&gateway, &["endpoints", "pause", &endpoint]).await;
    let mut session =
        Session::start(&gateway, &["replays", "create", "--endpoint", &endpoint, "--missed", "--wait"]);
    session.sees("endpoint app is paused: nothing goes out until `ringback endpoints resume whe_").await;
    session.sees("1 pending").await;
    session.types(CTRL_C).await;
    let (code, screen) = session.end().await;
    assert_eq!(code, Some(130), "{screen}");
    assert!(!screen.contains("error:"), "{screen}");
    let replay = replays(&gateway).await.remove(0);
    assert_eq!(replay["status"], json!("completed"), "all it makes is made");
    let (_, after) = screen.split_once("To call it off:").unwrap();
    let words: Vec<&str> = after.split_whitespace().skip(1).collect();
    assert_eq!(words[..3], ["replays", "cancel", text(&replay, "id")]);
    let cancelled = run(&gateway, &words).await;
    assert_eq!(cancelled.code, Some(0), "{}", cancelled.stderr);
    gateway.terminate().await;
}

#[tokio::test]
async fn the_watching_outlasts_a_restart() {
    let gateway = Gateway::start(BINARY).await;
    let receiver = Receiver::start().await;
    publish(&gateway, 1).await;
    let endpoint = endpoint(&gateway, &receiver.url()).await;
    run(&gateway, &["endpoints", "pause", &endpoint]).await;
    let replay = json_of(&gateway, &["replays", "create", "--endpoint", &endpoint]).await;
    let mut session = Session::start(&gateway, &["replays", "watch", text(&replay, "id")]);
    session.sees("1 pending").await;
    let stopped = gateway.kill().await;
    session.sees("the server does not answer; trying again").await;
    let gateway = stopped.start().await;
    run(&gateway, &["endpoints", "resume", &endpoint]).await;
    let (code, screen) = session.end().await;
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains("1 of 1 ended: 1 delivered"), "{screen}");
    gateway.terminate().await;
}

#[tokio::test]
async fn what_is_held_only_later_is_told_beside_the_bar() {
    let gateway = Gateway::start(BINARY).await;
    let receiver = Receiver::start().await;
    publish(&gateway, 60).await;
    let endpoint = endpoint(&gateway, &receiver.url()).await;
    let create = ["replays", "create", "--endpoint", &endpoint, "--missed", "--rate", "20", "--wait"];
    let mut session = Session::start(&gateway, &create);
    session.sees(" of 60 made").await;
    run(&gateway, &["endpoints", "disable", &endpoint]).await;
    let told =
        format!("endpoint app is disabled: nothing goes out until `ringback endpoints enable {endpoint}`");
    session.sees(&told).await;
    run(&gateway, &["endpoints", "enable", &endpoint]).await;
    let (code, screen) = session.end().await;
    assert_eq!(code, Some(0), "{screen}");
    assert_eq!(screen.matches(&told).count(), 1, "once is enough: {screen}");
    gateway.terminate().await;
}

#[tokio::test]
async fn a_person_is_asked_before_what_cannot_be_undone() {
    let gateway = Gateway::start(BINARY).await;
    let endpoint = endpoint(&gateway, "http://127.0.0.1:9/").await;
    let source = json_of(&gateway, &["sources", "create", "--name", "openai"]).await;
    let project = json_of(&gateway, &["projects", "create", "--name", "shop"]).await;
    let key = json_of(&gateway, &["keys", "create", "--name", "worker"]).await;
    for (noun, verb, id, name, gone) in [
        ("endpoint", "delete", endpoint.as_str(), "app", "deleted"),
        ("source", "delete", text(&source, "id"), "openai", "deleted"),
        ("project", "archive", text(&project, "id"), "shop", "archived"),
        ("key", "delete", text(&key, "id"), "worker", "deleted"),
    ] {
        let mut session = Session::start(&gateway, &[noun, verb, id]);
        session.sees(&format!("This {verb}s the {noun} {name} ({id}): ")).await;
        session.sees("Go on? [y/N] ").await;
        session.types("\n").await;
        let (code, screen) = session.end().await;
        assert_eq!(code, Some(1), "{screen}");
        assert!(screen.contains(&format!("not confirmed: nothing is {verb}d")), "{screen}");

        let mut session = Session::start(&gateway, &[noun, verb, id]);
        session.sees("Go on? [y/N] ").await;
        session.types("y\n").await;
        let (code, screen) = session.end().await;
        assert_eq!(code, Some(0), "it was there still: {screen}");
        assert!(screen.contains(gone), "{screen}");
    }
    let other = self::endpoint(&gateway, "http://127.0.0.1:9/").await;
    let (code, screen) = Session::start(&gateway, &["endpoint", "delete", &other, "--yes"]).end().await;
    assert_eq!((code, screen.contains("Go on?")), (Some(0), false), "{screen}");
    gateway.terminate().await;
}
