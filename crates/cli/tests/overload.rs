//! Far more than can be stored: the real binary stays within its memory, says 503 before it grows, goes on by
//! itself, and a source that floods takes nothing from one that does not.
#![cfg(target_os = "linux")]

use std::fs;
use std::time::{Duration, Instant};

use ringback_testkit::{Arrivals, DatabaseLock, Gateway, Ledger, Load, Receiver, secret, small_body};
use tokio::time::sleep;

const BINARY: &str = env!("CARGO_BIN_EXE_ringback");

/// Connections of the source that floods, and of the other one.
const FLOODING: usize = 300;
const QUIET: usize = 4;
/// How long the flood lasts after the standstill.
const FLOOD: Duration = Duration::from_secs(4);

const MIB: usize = 1024 * 1024;
/// The server's limits as they are by default: of one body, and of all bodies of one source under way.
const MAX_BODY_BYTES: usize = MIB;
const MAX_INGEST_BYTES_PER_SOURCE: usize = 32 * MIB;
/// What the database may keep of its file, and what one connection may hold of a head.
const DATABASE_CACHE_BYTES: usize = 32 * MIB;
const MAX_HEADER_BYTES: usize = 32 * 1024;
/// How much may be added to what is needed at rest: each body may be there twice, in the pieces it came in
/// and as the whole that is made of them; heads are read and answers written; the rest is for what the
/// allocator does not give back at once.
const MEMORY_BOUND: usize = 2 * MAX_INGEST_BYTES_PER_SOURCE
    + DATABASE_CACHE_BYTES
    + 2 * (FLOODING + QUIET) * MAX_HEADER_BYTES
    + 48 * MIB;
/// How long calls may take to be taken again once the database goes on: what was admitted before is written
/// first.
const RECOVERY_BOUND: Duration = Duration::from_secs(10);
/// How long a small call may wait for the large ones of the other source before it.
const FAIR_BOUND: Duration = Duration::from_secs(10);

/// A body of any size from next to nothing to nearly the most that is taken, so that no gap is left that only
/// a small one fits.
fn big_body(webhook_id: &str) -> String {
    let seed = webhook_id.bytes().fold(7_usize, |hash, byte| (hash * 31 + usize::from(byte)) % 10_007);
    let size = if seed.is_multiple_of(3) { seed } else { MAX_BODY_BYTES - 300 - seed };
    let padding = "x".repeat(size);
    format!(
        r#"{{"object":"event","type":"response.completed","data":{{"id":"resp_1"}},"of":"{webhook_id}","p":"{padding}"}}"#
    )
}

/// The most memory that a gateway has had resident so far, in bytes.
fn peak_memory(gateway: &Gateway) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells it");
    let kib: usize = line.trim().trim_end_matches(" kB").parse().expect("it is a number");
    kib * 1024
}

fn shown(ledger: &Ledger) -> String {
    let Ledger { acknowledged, refusals, slowest, .. } = ledger;
    format!("{} acknowledged, refused {refusals:?}, the slowest answer took {slowest:?}", acknowledged.len())
}

async fn source(gateway: &Gateway) -> String {
    let source = gateway.create_source(&secret(1)).await;
    source["url"].as_str().expect("a source has a url").to_owned()
}

/// What is seen of each phase.
struct Seen {
    /// Of the source that floods, from beginning to end.
    flood: Ledger,
    /// Of the other one: before, while nothing can be stored, and afterwards, while the flood goes on.
    quiet: [Ledger; 3],
    /// The peak of memory at rest, after the standstill, and after the flood.
    peaks: [usize; 3],
    recovery: Duration,
}

async fn overload(gateway: &Gateway) -> Seen {
    let (flooding, quiet) = (source(gateway).await, source(gateway).await);
    let few = |name| Load::start(&quiet, name, QUIET, small_body, Vec::new());
    let before = few("wh_before");
    before.acknowledged(200).await;
    let before = before.stop().await;
    let at_rest = peak_memory(gateway);

    let lock = DatabaseLock::take(gateway.data_dir());
    let flood = Load::start(&flooding, "wh_flood", FLOODING, big_body, Vec::new());
    flood.refused(FLOODING).await;
    let meanwhile = few("wh_meanwhile");
    meanwhile.refused(QUIET).await;
    flood.refused(5 * FLOODING).await;
    let at_standstill = peak_memory(gateway);

    drop(lock);
    let begun = Instant::now();
    flood.acknowledged(1).await;
    meanwhile.acknowledged(1).await;
    let recovery = begun.elapsed();
    let meanwhile = meanwhile.stop().await;
    let after = few("wh_after");
    sleep(FLOOD).await;
    let quiet = [before, meanwhile, after.stop().await];
    let flood = flood.stop().await;
    Seen { flood, quiet, peaks: [at_rest, at_standstill, peak_memory(gateway)], recovery }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overload_is_refused_before_memory_grows_and_harms_no_other_source() {
    let gateway = Gateway::start(BINARY).await;
    let receiver = Receiver::start().await;
    gateway.create_endpoint(&receiver.url(), &["batch.completed"]).await;

    let Seen { flood, quiet, peaks, recovery } = overload(&gateway).await;
    println!("the source that floods: {}", shown(&flood));
    for (when, ledger) in
        ["before", "while nothing can be stored", "while the flood goes on"].iter().zip(&quiet)
    {
        println!("the other one, {when}: {}", shown(ledger));
    }
    println!(
        "memory at rest {} MiB, after the standstill {} MiB, after the flood {} MiB, of at most {} MiB more than at rest",
        peaks[0] / MIB,
        peaks[1] / MIB,
        peaks[2] / MIB,
        MEMORY_BOUND / MIB
    );
    println!("both are taken {recovery:?} after the standstill");

    assert!(peaks[2] - peaks[0] < MEMORY_BOUND, "{} MiB", peaks[2] / MIB);
    assert!(recovery < RECOVERY_BOUND, "{recovery:?}");
    assert!(flood.refusals.contains_key("source_overloaded"), "{:?}", flood.refusals);
    let [before, meanwhile, after] = quiet;
    assert_eq!((before.refused(), after.refused()), (0, 0), "{:?}", after.refusals);
    assert!(meanwhile.refusals.keys().all(|code| code == "store_unavailable"), "{:?}", meanwhile.refusals);
    assert!(!after.acknowledged.is_empty() && after.slowest < FAIR_BOUND, "{:?}", after.slowest);

    let mut small = before;
    small.add(meanwhile);
    small.add(after);
    let arrived = Arrivals::of(&receiver, &small.acknowledged, small_body, Duration::from_secs(10)).await;
    assert!(arrived.missing(&small.acknowledged).is_empty(), "{}", gateway.talk());
    let stored = gateway.events().await.len();
    assert_eq!(stored, small.acknowledged.len() + flood.acknowledged.len(), "what was refused was not kept");
    gateway.terminate().await;
}
