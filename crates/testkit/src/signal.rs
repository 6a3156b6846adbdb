//! Signals to other processes.

use tokio::process::Command;

/// Sends a signal, such as `TERM`, to all of these. By the `kill` of the system: sending a signal to a
/// process is unsafe code in Rust.
///
/// # Panics
/// When one of them is not there, or is somebody else's.
pub(crate) async fn send_signal(name: &str, pids: &[u32]) {
    let pids = pids.iter().map(u32::to_string);
    let sent = Command::new("kill").arg(format!("-{name}")).args(pids).status().await;
    let status = sent.unwrap_or_else(|error| panic!("cannot run `kill`: {error}"));
    assert!(status.success(), "`kill -{name}` ended with {status}");
}
