//! The database is damaged while the real binary is at work on it.
//!
//! Whatever is written over: a call is answered 200 or 503, nothing panics, and what was acknowledged is
//! either there after the next start, or that start is refused with a sentence that says what to do.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use ringback_testkit::{
    Arrivals, Gateway, GatewayBuilder, Ledger, Load, NotStarted, Receiver, secret, small_body, until,
};
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_ringback");
const CONNECTIONS: usize = 8;
const DATABASE: &str = "ringback.db";
const LOG: &str = "ringback.db-wal";
const PAGE_BYTES: usize = 4096;
const PAGE: u64 = 4096;
/// The head of the log, and a page in it with its own head, in bytes.
const LOG_HEAD: u64 = 32;
const LOG_PAGE: u64 = 24 + PAGE;
const LOG_PAGE_BYTES: usize = 24 + PAGE_BYTES;

/// A gateway under load, on a folder with some history.
struct Scene {
    folder: TempDir,
    gateway: Gateway,
    load: Load,
    former: Ledger,
}

fn on(folder: &Path) -> GatewayBuilder {
    Gateway::builder(BINARY).on_folder(folder)
}

impl Scene {
    /// All that came before the restart is in the database's file, which has no log then; what comes now is
    /// in the log.
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder for temporary files is there");
        let gateway = on(folder.path()).start().await;
        let source = gateway.create_source(&secret(1)).await;
        let url = source["url"].as_str().expect("a source has a url").to_owned();
        let load = Load::start(&url, "wh_former", CONNECTIONS, small_body, Vec::new());
        load.acknowledged(1000).await;
        let former = load.stop().await;
        let gateway = gateway.terminate().await.start().await;

        let load = Load::start(&url, "wh", CONNECTIONS, small_body, Vec::new());
        load.acknowledged(200).await;
        Self { folder, gateway, load, former }
    }

    /// Lets the load go on after the damage, until it was refused or has gone on for long enough, and ends
    /// it.
    async fn go_on(self) -> (TempDir, Gateway, Ledger) {
        let Self { folder, gateway, load, mut former } = self;
        let before = load.acknowledged_so_far();
        tokio::select! {
            () = load.refused(CONNECTIONS) => {}
            () = load.acknowledged(before + 500) => {}
        }
        former.add(load.stop().await);
        (folder, gateway, former)
    }
}

/// Writes over every second page of a file, whose pages begin at this offset and are so far apart.
fn write_over(path: &Path, first: u64, step: usize) {
    let file = OpenOptions::new().write(true).open(path).expect("the file is there");
    let length = file.metadata().expect("an open file has a length").len();
    for at in (first..length.saturating_sub(PAGE)).step_by(2 * step) {
        file.write_all_at(&[0xa5; PAGE_BYTES], at).expect("an open file can be written to");
    }
}

/// A way to damage a file.
type Damage = fn(&Path);

async fn refused(folder: &Path, words: &[&str]) -> NotStarted {
    let refused = on(folder).try_start().await.expect_err("it is not to start");
    assert_eq!(refused.code, Some(5), "{}", refused.talk);
    for words in words {
        assert!(refused.talk.contains(words), "no {words:?} in:\n{}", refused.talk);
    }
    assert!(!refused.talk.contains("panicked"), "{}", refused.talk);
    refused
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_written_over_is_noticed_and_refused_at_the_next_start() {
    let scene = Scene::start().await;
    write_over(&scene.folder.path().join(DATABASE), PAGE, PAGE_BYTES);
    let (folder, gateway, ledger) = scene.go_on().await;
    // Whoever looks at what was damaged meets it, if no call has.
    until("the damage to be seen", || async {
        let path = "/v1/webhook_events?limit=100&order=asc";
        let answer = gateway.api(http::Method::GET, path, None).await;
        assert!([200, 503].contains(&answer.status.as_u16()), "{}", answer.status);
        (answer.status == 503).then_some(())
    })
    .await;
    assert_eq!(gateway.api(http::Method::GET, "/healthz", None).await.status, 200);
    gateway.readiness(503).await;
    let talk = gateway.kill().await.talk;
    println!("{} acknowledged, {} refused", ledger.acknowledged.len(), ledger.refused());
    assert!(talk.contains("damage") && talk.contains("put a backup in its place"), "{talk}");
    assert!(!talk.contains("panicked"), "{talk}");

    let refusal = refused(folder.path(), &[DATABASE, "is damaged", "put a backup in its place"]).await;
    println!("{}", refusal.talk);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_written_over_or_cut_off_is_refused_at_the_next_start() {
    let damages: [(&str, Damage); 3] = [
        ("every second page is written over", |log| {
            write_over(log, LOG_HEAD + 10 * LOG_PAGE, LOG_PAGE_BYTES);
        }),
        ("its head is written over", |log| {
            write_over(log, 0, usize::MAX / 2);
        }),
        ("it is cut off", |log| {
            let file = File::options().write(true).open(log).unwrap();
            file.set_len(LOG_HEAD + 10 * LOG_PAGE).unwrap();
        }),
    ];
    for (what, damage) in damages {
        println!("{what}");
        let scene = Scene::start().await;
        damage(&scene.folder.path().join(LOG));
        let stopped = scene.gateway.kill().await;
        assert!(!stopped.talk.contains("panicked"), "{}", stopped.talk);
        let acknowledged = scene.load.cut_off().await.acknowledged.len();

        let words =
            [LOG, "acknowledged events would be lost", "put a backup of the data folder in its place"];
        let refusal = refused(scene.folder.path(), &words).await;
        println!("{acknowledged} acknowledged; {}", refusal.talk);
        // What it says can be done instead is possible, and what was there before is still there.
        fs::remove_file(scene.folder.path().join("ringback.db-shm")).unwrap();
        let gateway = on(scene.folder.path()).start().await;
        let left = gateway.events().await.len();
        println!("{left} events are left of {}", scene.former.acknowledged.len() + acknowledged);
        assert!(left >= scene.former.acknowledged.len());
        gateway.terminate().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_written_over_while_calls_come_in_loses_nothing_without_a_word() {
    let receiver = Receiver::start().await;
    let scene = Scene::start().await;
    scene.gateway.create_endpoint(&receiver.url(), &["*"]).await;
    write_over(&scene.folder.path().join(LOG), LOG_HEAD + 10 * LOG_PAGE, LOG_PAGE_BYTES);
    let (folder, gateway, ledger) = scene.go_on().await;
    println!("{} acknowledged, {} refused", ledger.acknowledged.len(), ledger.refused());
    let talk = gateway.kill().await.talk;
    assert!(!talk.contains("panicked"), "{talk}");

    match on(folder.path()).try_start().await {
        Err(refusal) => {
            println!("{}", refusal.talk);
            assert_eq!(refusal.code, Some(5), "{}", refusal.talk);
            assert!(refusal.talk.contains("put a backup"), "{}", refusal.talk);
        }
        Ok(gateway) => {
            let events = gateway.events().await;
            assert_eq!(events.len(), ledger.acknowledged.len());
            gateway.terminate().await;
        }
    }
    // What was sent from it was sent as it came.
    Arrivals::of(&receiver, &ledger.acknowledged, small_body, Duration::ZERO).await;
}
