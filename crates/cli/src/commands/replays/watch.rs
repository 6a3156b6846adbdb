//! Watching a replay until its last delivery has ended.
//!
//! The actors: this polls the server, the person may stop it with Ctrl-C, and the replay knows of neither.
//! *Not* guaranteed: that it ends. Deliveries to an endpoint that is paused, or that fails, are pending for
//! as long as they are held or retried; what they wait for is said.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::figures::Figures;
use super::one;
use super::progress::Progress;
use super::standstill::Standstill;
use crate::args::Global;
use crate::client::ApiClient;
use crate::exit::CliError;

/// How soon the server is asked again at first; from then on ever less often.
const FIRST_INTERVAL: Duration = Duration::from_millis(200);
/// How soon it is asked again at the latest.
const MAX_INTERVAL: Duration = Duration::from_secs(2);
/// How long a server may be away, as in a restart, until the watching is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Shows the progress on stderr, and returns the replay as it has ended. `said` is what holds it back as far
/// as that was said before.
pub(super) fn until_ended(
    global: &Global,
    api: &ApiClient,
    id: &str,
    said: Option<String>,
) -> Result<Value, CliError> {
    let mut progress = Progress::new();
    let standstill = Standstill::new(said);
    let ended = api.block_on(async {
        tokio::select! {
            ended = follow(global, api, id, &mut progress, standstill) => ended,
            _ = tokio::signal::ctrl_c() => Err(interrupted(global, id)),
        }
    });
    progress.finish();
    ended
}

async fn follow(
    global: &Global,
    api: &ApiClient,
    id: &str,
    progress: &mut Progress,
    mut standstill: Standstill,
) -> Result<Value, CliError> {
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
                if let Some(reason) = standstill.reason(global, api, &replay, figures).await {
                    progress.talk(&reason);
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
    let figures = Figures::of(replay);
    let losses = figures.losses();
    if losses.is_empty() && !figures.is_cancelled {
        return Ok(());
    }
    let mut message = match (figures.is_cancelled, replay["end_reason"].as_str()) {
        (true, Some("endpoint_deleted")) => "the replay ended early, since its endpoint was deleted",
        (true, _) => "the replay was called off",
        (false, _) => "not all was delivered",
    }
    .to_owned();
    if !losses.is_empty() {
        message.push_str(&format!(": {}", losses.join(", ")));
    }
    if figures.dead > 0 {
        let (id, flags) = (replay["id"].as_str().unwrap_or_default(), global.typed());
        message.push_str(&format!("\n  ringback deliveries list --replay {id} --state dead{flags}"));
    }
    Err(CliError::NotDelivered { message })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(status: &str, end_reason: Option<&str>, expected: u64, losses: [u64; 2]) -> Option<String> {
        let global = Global { json: false, server: None, project: None, data_dir: None };
        let [dead, cancelled] = losses;
        let counts = json!({ "pending": 0, "delivered": 5, "dead": dead, "cancelled": cancelled });
        let replay = json!({
            "id": "whrp_1", "status": status, "end_reason": end_reason, "expected_count": expected,
            "created_count": 5 + dead + cancelled, "deliveries": counts,
        });
        verdict(&global, &replay).err().map(|error| error.to_string())
    }

    #[test]
    fn only_what_was_all_delivered_is_well() {
        assert_eq!(judged("completed", None, 5, [0, 0]), None);
        let dead = judged("completed", None, 7, [2, 0]).unwrap();
        assert!(dead.starts_with("not all was delivered: 2 dead\n"), "{dead}");
        assert!(dead.contains("ringback deliveries list --replay whrp_1 --state dead"), "{dead}");
        assert_eq!(judged("completed", None, 6, [0, 1]).unwrap(), "not all was delivered: 1 cancelled");
        assert_eq!(judged("cancelled", Some("requested"), 5, [0, 0]).unwrap(), "the replay was called off");
        assert_eq!(
            judged("cancelled", Some("endpoint_deleted"), 1265, [0, 2]).unwrap(),
            "the replay ended early, since its endpoint was deleted: 2 cancelled, 1,258 were never made"
        );
    }
}
