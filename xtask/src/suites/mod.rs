//! `cargo xtask test`: every test suite of the project, and one summary at the end.
//!
//! The stages run one after the other, and a later one runs even if an earlier one failed, so that one run
//! tells everything:
//!
//! 1. set-up: `scripts/setup-sdk-tests.sh` installs the official SDKs into `tests/sdk/`,
//!    `scripts/setup-postgres.sh` a PostgreSQL server where there is none;
//! 2. build: every target of the workspace, so that the binary exists that the SDKs talk to; the package of
//!    `ringback-webhook`, alone from its own tarball; and that crate with the oldest Rust it supports
//!    ([`msrv`]);
//! 3. cargo: unit, integration and documentation tests, with those that are otherwise left out because they
//!    need the SDKs; then those of `ringback-webhook` with all its features, which nothing else in the
//!    workspace switches on;
//! 4. the SDK suites: pytest, and Node's own runner;
//! 5. the fuzz targets, each for a short time ([`crate::fuzz`]).
//!
//! What a runner prints passes through as it comes, and is counted on the way ([`count`]). The last line
//! always reads `N passed, N failed`, with `, N skipped` only if tests were skipped. A stage or a suite that
//! broke without naming a failed test, and a suite that ran no test at all, count as one failure: a run that
//! did not happen is never green.

mod count;
mod msrv;
mod runner;
mod summary;
mod tally;

use std::path::Path;
use std::process::{Command, Stdio};

use crate::Verdict;
use crate::workspace::{self, Workspace};
use count::Format;
use summary::Summary;

/// How long each fuzz target runs: enough for its seeds and for what is near them.
const FUZZ_SECONDS: &str = "20";

/// What an ordinary user hears before an hour of tests rather than in the middle of them.
const NO_DISKS: &str = "note: this user may mount nothing, so the two tests `disk_full` of the suite `cluster` will fail: they fill a small \
                        disk of their own, which takes root, or CAP_SYS_ADMIN in a container";

/// Runs all suites of the project and prints the summary.
pub(crate) fn run() -> Verdict {
    let workspace = workspace::load()?;
    let root = workspace.root.as_path();
    let mut summary = Summary::default();
    if !may_mount() {
        say(NO_DISKS);
    }
    summary.stage("set-up of the SDK suites", runner::pass(&mut set_up(root, "setup-sdk-tests.sh"))?);
    summary.stage("set-up of PostgreSQL", runner::pass(&mut set_up(root, "setup-postgres.sh"))?);
    summary.stage("build", runner::pass(&mut build(root))?);
    summary.stage("package of ringback-webhook", runner::pass(&mut package(root))?);
    summary.stage("oldest Rust", msrv::check(root)?);
    for (command, format) in &mut suites(&workspace) {
        summary.suites(*format, runner::count(command, *format)?);
    }
    summary.print();
    Ok(summary.is_green())
}

/// A mount namespace takes the same right as a mount, and leaves nothing behind.
fn may_mount() -> bool {
    let mut command = Command::new("unshare");
    let status = command.args(["--mount", "true"]).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn set_up(root: &Path, script: &str) -> Command {
    let mut command = Command::new("bash");
    command.arg(root.join("scripts").join(script)).current_dir(root);
    command
}

fn build(root: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.args(["build", "--workspace", "--all-targets"]).current_dir(root);
    command
}

/// Changes that are not committed are packed as well: what is tested is what is there.
fn package(root: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.args(["package", "--package", "ringback-webhook", "--allow-dirty"]).current_dir(root);
    command
}

fn suites(workspace: &Workspace) -> [(Command, Format); 5] {
    let root = &workspace.root;
    let sdk = root.join("tests/sdk");
    let binary = workspace.target_directory.join("debug/ringback");

    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--workspace", "--no-fail-fast", "--", "--include-ignored"]).current_dir(root);

    // Whole, because its tests start its examples, which cargo builds only then.
    let mut features = Command::new("cargo");
    features
        .args(["test", "--package", "ringback-webhook", "--all-features", "--no-fail-fast"])
        .current_dir(root);

    let mut python = Command::new(sdk.join(".venv/bin/python"));
    python.args(["-m", "pytest", "--color=no"]).current_dir(sdk.join("python")).env("RINGBACK_BIN", &binary);

    // Through npm, whose `test` script finds the pinned Node before the machine's own.
    let mut node = Command::new("npm");
    node.args(["test", "--silent"]).current_dir(sdk.join("node")).env("RINGBACK_BIN", &binary);

    // This very program, as a runner whose output is read like that of the others. By way of cargo: the build
    // of the suites may have put a new file in the place of the one that is running.
    let mut fuzz = Command::new("cargo");
    fuzz.args(["xtask", "fuzz", "--seconds", FUZZ_SECONDS]).current_dir(root);

    [
        (cargo, Format::Cargo),
        (features, Format::Cargo),
        (python, Format::Pytest),
        (node, Format::Node),
        (fuzz, Format::Fuzz),
    ]
}

/// One line on stdout, in its place among what the runners print.
#[expect(clippy::print_stdout, reason = "the runners' output and the summary are this chore's output")]
fn say(line: &str) {
    println!("{line}");
}
