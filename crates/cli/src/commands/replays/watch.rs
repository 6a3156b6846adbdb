//! Watching a replay until its last delivery has ended.
//!
//! The actors: this polls the server, the person may stop it with Ctrl-C, and the replay knows of neither. *Not* guaranteed:
//! that it ends. Deliveries to an endpoint that is paused, or that fails, are pending for as long as they are held or retried.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::one;
use super::progress::{Figures, Progress};
use crate::args::Global;
use crate::client::ApiClient;
use crate::exit::CliError;

/// How soon the server is asked again at first; from then on ever less often.
const FIRST_INTERVAL: Duration = Duration::from_millis(200);
/// How soon it is asked again at the latest.
const MAX_INTERVAL: Duration = Duration::from_secs(2);
/// How long a server may be away, as in a restart, until the watching is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Shows the progress on stderr, and returns the replay as it has ended.
pub(super) fn until_ended(global: &Global, api: &ApiClient, id: &str) -> Result<Value, CliError> {
    let mut progress = Progress::new();
    let ended = api.block_on(async {
        tokio::select! {
            ended = follow(api, id, &mut progress) => ended,
            _ = tokio::signal::ctrl_c() => Err(interrupted(global, id)),
        }
    });
    progress.finish();
    ended
}

async fn follow(api: &ApiClient, id: &str, progress: &mut Progress) -> Result<Value, CliError> {
    let mut interval = FIRST_INTERVAL;
    let mut heard = Instant::now();
    loop {
        match api.fetch(&one(id)).await {
            Ok(replay) => {
                heard = Instant::now();
                let figures = Figures::of(&replay);
                progress.show(figures);
                if figures.has_ended() {
                    return Ok(replay);
                }
            }
            Err(CliError::Unreachable { .. }) if heard.elapsed() < PATIENCE => progress.show_silence(),
            Err(error) => return Err(error),
        }
        sleep(interval).await;
        interval = (interval * 3 / 2).min(MAX_INTERVAL);
    }
}

fn interrupted(global: &Global, id: &str) -> CliError {
    let flags = global.typed();
    CliError::Interrupted {
        message: format!(
            "\nthe replay goes on. To see it again:\n  ringback replays watch {id}{flags}\nTo call it off:\n  \
             ringback replays cancel {id}{flags}"
        ),
    }
}

/// An error if not all was delivered.
pub(super) fn verdict(global: &Global, replay: &Value) -> Result<(), CliError> {
    let Figures { dead, cancelled, is_cancelled, .. } = Figures::of(replay);
    if dead == 0 && cancelled == 0 && !is_cancelled {
        return Ok(());
    }
    let mut message = match is_cancelled {
        true => "the replay was called off".to_owned(),
        false => "not all was delivered".to_owned(),
    };
    message.push_str(&format!(": {dead} dead, {cancelled} cancelled"));
    if dead > 0 {
        let (id, flags) = (replay["id"].as_str().unwrap_or_default(), global.typed());
        message.push_str(&format!("\n  ringback deliveries list --replay {id} --state dead{flags}"));
    }
    Err(CliError::NotDelivered { message })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(status: &str, dead: u64, cancelled: u64) -> Option<String> {
        let global = Global { json: false, server: None, project: None, data_dir: None };
        let counts = json!({ "pending": 0, "delivered": 5, "dead": dead, "cancelled": cancelled });
        let replay = json!({ "id": "whrp_1", "status": status, "deliveries": counts });
        verdict(&global, &replay).err().map(|error| error.to_string())
    }

    #[test]
    fn only_what_was_all_delivered_is_well() {
        assert_eq!(judged("completed", 0, 0), None);
        let dead = judged("completed", 2, 0).unwrap();
        assert!(dead.starts_with("not all was delivered: 2 dead, 0 cancelled\n"), "{dead}");
        assert!(dead.ends_with("ringback deliveries list --replay whrp_1 --state dead"), "{dead}");
        assert_eq!(judged("completed", 0, 1).unwrap(), "not all was delivered: 0 dead, 1 cancelled");
        assert_eq!(judged("cancelled", 0, 0).unwrap(), "the replay was called off: 0 dead, 0 cancelled");
    }
}
