//! How the server is told to stop: SIGTERM or Ctrl-C once for a clean stop, and again, half a second later or
//! more, for an immediate one: what comes at once is the same wish by another way, as when a supervisor tells
//! a whole group of processes and each of them. The end of its terminal (SIGHUP) asks for a clean stop too,
//! and never for an immediate one, since a shell and the system may both tell it.

use std::fs;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::exit::CliError;

/// How long after a signal another one says nothing new.
const ONE_WISH: Duration = Duration::from_millis(500);

/// Tells when a stop was asked for.
#[derive(Clone)]
pub(crate) struct Stop {
    asked: watch::Receiver<bool>,
}

impl Stop {
    /// Completes once a stop is asked for.
    pub(crate) async fn requested(mut self) {
        // The sender lives as long as the process: an error cannot come before a request.
        let _ = self.asked.wait_for(|asked| *asked).await;
    }
}

/// What somebody sends who wants a stop.
struct ByHand {
    terminate: Signal,
    interrupt: Signal,
}

/// Starts listening, before anything else is started that would have to be stopped.
pub(crate) fn listen() -> Result<Stop, CliError> {
    let of = |kind| signal(kind).map_err(CliError::cannot_start);
    // Who started it with `nohup` wants it to outlive the terminal.
    let hang_up = if heeds_hang_up() { Some(of(SignalKind::hangup())?) } else { None };
    let by_hand = ByHand { terminate: of(SignalKind::terminate())?, interrupt: of(SignalKind::interrupt())? };
    let (ask, asked) = watch::channel(false);
    watch_signals(by_hand, hang_up, ask);
    Ok(Stop { asked })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the task lives as long as the process, and a second signal ends it at once"
)]
fn watch_signals(mut by_hand: ByHand, mut hang_up: Option<Signal>, ask: watch::Sender<bool>) {
    tokio::spawn(async move {
        tokio::select! {
            () = by_hand.next() => {}
            () = next(&mut hang_up) => {}
        }
        let _ = ask.send(true);
        // What comes within this time is taken as one with the first.
        let over = Instant::now() + ONE_WISH;
        while timeout_at(over, by_hand.next()).await.is_ok() {}
        by_hand.next().await;
        tracing::warn!("stopped at once; unfinished attempts are made again after the next start");
        std::process::exit(130);
    });
}

impl ByHand {
    /// Completes with the next one.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Completes with the next one, if it is listened to.
async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Whether this process was not started to ignore SIGHUP. Where the system does not say, SIGHUP is left as it
/// is.
fn heeds_hang_up() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| !ignores_first_signal(&status))
}

/// Whether the set of ignored signals has the first of them, which SIGHUP is.
fn ignores_first_signal(status: &str) -> bool {
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).is_none_or(|set| set & 1 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_under_nohup_ignores_the_first_signal() {
        assert!(ignores_first_signal(
            "Name:\tringback\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000000\n"
        ));
        assert!(!ignores_first_signal("SigIgn:\t0000000000001000\nSigCgt:\t0000000000000001\n"));
        assert!(ignores_first_signal("nothing that is known"));
    }
}
