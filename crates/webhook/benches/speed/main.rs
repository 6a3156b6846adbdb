//! How fast is verifying, next to the least that it could be and to what else there is?
//!
//! ```console
//! $ cargo bench -p ringback-webhook
//! $ cargo bench -p ringback-webhook -- --quick
//! ```
//!
//! One run measures, for bodies of 300 B, 500 B and 10 KB: this crate; the bare HMAC-SHA256 over the same
//! signed text, with a prepared key, by aws-lc-rs and by RustCrypto (the faster one is the floor); the crate
//! `standardwebhooks`; signing; and the parts that verifying consists of. Only ratios of one run mean
//! anything: see [`window`] for how they are kept honest on a machine that does other things too.
//!
//! `--quick`, which is also what happens under `cargo test --benches`, is a smoke test whose figures mean
//! nothing: it says whether every subject still accepts the call.

mod call;
mod report;
mod subject;
mod window;

use std::io;

use self::call::Call;
use self::report::Column;
use self::subject::Subject;
use self::window::Stopwatch;

/// In bytes: the small and the middle of OpenAI's events, and a large one.
const BODY_BYTES: [usize; 3] = [300, 500, 10_000];

/// Windows of each subject and size.
const ROUNDS: usize = 401;
const QUICK_ROUNDS: usize = 1;

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // Cargo passes `--bench` if it was told to measure, not if it was told to test.
    let quick = !args.iter().any(|arg| arg == "--bench") || args.iter().any(|arg| arg == "--quick");
    let rounds = if quick { QUICK_ROUNDS } else { ROUNDS };
    let columns = BODY_BYTES.map(|body_bytes| column(body_bytes, rounds));
    report::write(&columns, &mut io::stdout().lock())
}

fn column(body_bytes: usize, rounds: usize) -> Column {
    let call = Call::new(body_bytes);
    let mut stopwatches: Vec<Stopwatch<'_>> =
        Subject::ALL.iter().map(|subject| subject.stopwatch(&call)).collect();
    Column { body_bytes, medians: window::medians(&mut stopwatches, rounds) }
}
