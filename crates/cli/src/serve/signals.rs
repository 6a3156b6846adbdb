//! How the server is told to stop: SIGTERM or Ctrl-C once for a clean stop, twice for an immediate one.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::exit::CliError;

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

/// Starts listening, before anything else is started that would have to be stopped.
pub(crate) fn listen() -> Result<Stop, CliError> {
    let terminate = signal(SignalKind::terminate()).map_err(CliError::cannot_start)?;
    let interrupt = signal(SignalKind::interrupt()).map_err(CliError::cannot_start)?;
    let (ask, asked) = watch::channel(false);
    watch_signals(terminate, interrupt, ask);
    Ok(Stop { asked })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the task lives as long as the process, and a second signal ends it at once"
)]
fn watch_signals(mut terminate: Signal, mut interrupt: Signal, ask: watch::Sender<bool>) {
    tokio::spawn(async move {
        one_of(&mut terminate, &mut interrupt).await;
        let _ = ask.send(true);
        one_of(&mut terminate, &mut interrupt).await;
        tracing::warn!("stopped at once; unfinished attempts are made again after the next start");
        std::process::exit(130);
    });
}

async fn one_of(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
