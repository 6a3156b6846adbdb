//! Why a replay that is watched does not move: one of its pending deliveries is looked at, or else its
//! endpoint, and what it waits for is said once.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::figures::Figures;
use crate::args::Global;
use crate::client::ApiClient;
use crate::commands::{deliveries, endpoints, hold, items, segment};

/// A replay that has not moved for so long wants an explanation.
const STANDSTILL: Duration = Duration::from_secs(2);

/// What was seen and said before.
pub(super) struct Standstill {
    last: Option<(Figures, Instant)>,
    said: Option<String>,
}

impl Standstill {
    /// `said` is what was said before the watching.
    pub(super) fn new(said: Option<String>) -> Self {
        Self { last: None, said }
    }

    /// What is waited for, if nothing moves and that was not said yet. That the server cannot be asked is no
    /// reason to fail.
    pub(super) async fn reason(
        &mut self,
        global: &Global,
        api: &ApiClient,
        replay: &Value,
        figures: Figures,
    ) -> Option<String> {
        let since = match self.last {
            Some((last, since)) if last == figures => since,
            _ => Instant::now(),
        };
        self.last = Some((figures, since));
        if since.elapsed() < STANDSTILL {
            return None;
        }
        let reason = ask(global, api, replay).await?;
        if self.said.as_ref() == Some(&reason) {
            return None;
        }
        self.said = Some(reason.clone());
        Some(reason)
    }
}

async fn ask(global: &Global, api: &ApiClient, replay: &Value) -> Option<String> {
    // The oldest: with the newest, a retry may be far away that was due soon for all others.
    let id = segment(replay["id"].as_str()?);
    let path = format!("{}?replay_id={id}&state=pending&limit=1&order=asc", deliveries::PATH);
    let pending = api.fetch(&path).await.ok()?;
    let delivery = items(&pending).first();
    // One that has none under way may wait to make the next. The endpoint of another URL is nobody's to see.
    let endpoint_id = delivery.unwrap_or(replay)["endpoint_id"].as_str()?;
    let endpoint = api.fetch(&format!("{}/{}", endpoints::PATH, segment(endpoint_id))).await;
    let held = endpoint.ok().and_then(|endpoint| hold::sentence(global, &endpoint));
    held.or_else(|| retried(global, delivery?))
}

/// What is not held and was attempted waits for its next attempt.
fn retried(global: &Global, delivery: &Value) -> Option<String> {
    if delivery["attempt_count"] == 0 || delivery["in_flight"] == true {
        return None;
    }
    let id = delivery["id"].as_str()?;
    Some(format!(
        "what failed is tried again by and by; to see how:\n  ringback deliveries get {id}{}",
        global.typed()
    ))
}
