//! A database that another program has locked, under the real binary.

use std::time::{Duration, Instant};

use http::Method;
use ringback_testkit::{
    Arrivals, DatabaseLock, Gateway, Load, Receiver, secret, send_again, small_body, within,
};

const BINARY: &str = env!("CARGO_BIN_EXE_ringback");
const CONNECTIONS: usize = 8;
/// How long a caller may wait for its 503: the 5 s that a lock may last unnoticed, such as a backup's, and
/// then as much as a busy machine adds.
const ANSWER_BOUND: Duration = Duration::from_secs(7);
/// The same for a caller that comes when it is known that the database is locked.
const KNOWN_BOUND: Duration = Duration::from_secs(2);
/// How long it may take until calls are taken again after the lock is gone.
const RECOVERY_BOUND: Duration = Duration::from_secs(2);
const ARRIVAL_BOUND: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_start_on_a_locked_database_is_refused_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let builder = Gateway::builder(BINARY).on_folder(folder.path());
    builder.clone().start().await.terminate().await;
    let lock = DatabaseLock::take(folder.path());

    let refused = builder.clone().try_start().await.expect_err("the database is locked");
    assert_eq!(refused.code, Some(5), "{}", refused.talk);
    for words in ["another program has locked the database", "ringback.db", "wait for it or end it"] {
        assert!(refused.talk.contains(words), "no {words:?} in:\n{}", refused.talk);
    }
    assert!(!refused.talk.contains("damaged"), "{}", refused.talk);

    drop(lock);
    builder.start().await.terminate().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_locked_calls_are_refused_in_time_and_then_taken_without_a_restart() {
    let gateway = Gateway::start(BINARY).await;
    let receiver = Receiver::start().await;
    let source = gateway.create_source(&secret(1)).await;
    let url = source["url"].as_str().unwrap();
    gateway.create_endpoint(&receiver.url(), &["*"]).await;

    let load = Load::start(url, "wh", CONNECTIONS, small_body, Vec::new());
    load.acknowledged(200).await;
    let lock = DatabaseLock::take(gateway.data_dir());
    let begun = Instant::now();
    load.refused(CONNECTIONS).await;
    let first = begun.elapsed();
    // Those that are refused come again, and are now told at once.
    let begun = Instant::now();
    load.refused(3 * CONNECTIONS).await;
    let known = begun.elapsed();
    gateway.readiness(503).await;
    assert_eq!(gateway.api(Method::GET, "/healthz", None).await.status, 200);
    assert!(!gateway.events().await.is_empty(), "what is there can be read");
    let before = load.acknowledged_so_far();

    drop(lock);
    let begun = Instant::now();
    load.acknowledged(before + CONNECTIONS).await;
    let recovery = begun.elapsed();
    let mut ledger = load.stop().await;
    send_again(url, &mut ledger, small_body).await;
    println!(
        "{} acknowledged, {} refused, slowest answer {:?}",
        ledger.acknowledged.len(),
        ledger.refused(),
        ledger.slowest
    );
    println!("refused after {first:?}, then after {known:?}; taken {recovery:?} after the lock was gone");
    assert!(ledger.slowest < ANSWER_BOUND, "{:?}", ledger.slowest);
    assert!(known < KNOWN_BOUND, "{known:?}");
    assert!(recovery < RECOVERY_BOUND, "{recovery:?}");

    let arrived = Arrivals::of(&receiver, &ledger.acknowledged, small_body, ARRIVAL_BOUND).await;
    assert!(arrived.missing(&ledger.acknowledged).is_empty(), "{}", gateway.talk());
    let stored = within("the events", gateway.events()).await;
    assert_eq!(stored.len(), ledger.acknowledged.len());
    gateway.readiness(200).await;
    let talk = gateway.terminate().await.talk;
    let told: Vec<_> = talk.lines().filter(|line| line.contains("WARN") || line.contains("ERROR")).collect();
    let [told] = told.as_slice() else { panic!("one line was expected of all the refusals, not:\n{talk}") };
    assert!(told.contains("takes no writes") && told.contains("wait for it or end it"), "{told}");
    assert!(talk.contains("takes writes again"), "{talk}");
}
