//! Compiles the fuzz targets with coverage instrumentation.
//!
//! The instrumentation is LLVM's and needs no nightly toolchain; only the sanitizers would. It has to reach
//! the targets and all they depend on, but no build script, which could not be linked with it: that is why
//! the target platform is named, for cargo then keeps the two apart.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;

/// Counters at every edge of the control flow, a table of where they are, and the operands of every
/// comparison, which is how libFuzzer comes by magic words. The branches are kept apart, as folded ones would
/// be counted as one.
const FLAGS: [&str; 8] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
    "--cfg",
    "fuzzing",
];

/// Separates flags in the variable that takes precedence over all other settings of them.
const SEPARATOR: &str = "\u{1f}";

/// Builds everything in `folder`; returns where the binaries are.
pub(super) fn run(folder: &Path) -> Result<PathBuf, Failure> {
    set_up(folder)?;
    let host = host()?;
    let target = folder.join("target");
    let built = Command::new("cargo")
        .args(["build", "--release", "--bins", "--target", &host])
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join(SEPARATOR))
        .status()
        .map_err(|cause| Failure::new(format!("cannot run cargo: {cause}")))?;
    if !built.success() {
        return Err(Failure::new("the fuzz targets do not build"));
    }
    Ok(target.join(host).join("release"))
}

/// Installs the compiler that libFuzzer needs, where it is missing.
fn set_up(folder: &Path) -> Result<(), Failure> {
    let script = folder.join("../scripts/setup-fuzz.sh");
    let status = Command::new("bash")
        .arg(script)
        .status()
        .map_err(|cause| Failure::new(format!("cannot run scripts/setup-fuzz.sh: {cause}")))?;
    if status.success() { Ok(()) } else { Err(Failure::new("the fuzz targets' set-up failed")) }
}

/// The platform that this machine's compiler builds for by itself.
fn host() -> Result<String, Failure> {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .map_err(|cause| Failure::new(format!("cannot run rustc: {cause}")))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Failure::new("rustc does not say which platform it is for"))
}
