//! A replay as people read it.

use serde_json::Value;

use super::figures::Figures;
use crate::args::Global;
use crate::exit::CliError;
use crate::output::{self, Column};

/// How replays are listed, those columns that say anything.
pub(super) const COLUMNS: [Column; 9] = [
    ("ID", &["id"]),
    ("MADE", &["created_at"]),
    ("STATUS", &["status"]),
    ("DELIVERIES", &["created_count"]),
    ("EXPECTED", &["expected_count"]),
    ("TYPE", &["type"]),
    ("OF STATE", &["state"]),
    ("ENDPOINT", &["endpoint_id"]),
    ("TO", &["target_url"]),
];
pub(super) const FIELDS: [Column; 22] = [
    ("id", &["id"]),
    ("status", &["status"]),
    ("why", &["why"]),
    ("endpoint", &["endpoint_id"]),
    ("source", &["source_id"]),
    ("type", &["type"]),
    ("object", &["object_id"]),
    ("of state", &["state"]),
    ("since", &["created_after"]),
    ("until", &["created_before"]),
    ("to", &["target_url"]),
    ("secret", &["signing_secret"]),
    ("per second", &["rate"]),
    ("expected", &["expected_count"]),
    ("deliveries", &["created_count"]),
    ("  pending", &["deliveries", "pending"]),
    ("  delivered", &["deliveries", "delivered"]),
    ("  dead", &["deliveries", "dead"]),
    ("  cancelled", &["deliveries", "cancelled"]),
    ("never made", &["never_made"]),
    ("made", &["created_at"]),
    ("ended", &["finished_at"]),
];

/// What must be known of a replay while it is waited for.
pub(super) const FIELDS_AT_FIRST: [Column; 2] = [("replay", &["id"]), ("secret", &["signing_secret"])];

/// Prints a replay.
pub(super) fn show(global: &Global, replay: &Value, columns: &[Column]) -> Result<(), CliError> {
    if global.json {
        return output::json(replay);
    }
    output::fields(&readable(replay), columns)?;
    if replay["signing_secret"].is_string() {
        output::talk("keep the secret now: it is not shown again, and signs for this replay alone");
    }
    Ok(())
}

/// With what is to be concluded from it, and without counts of nothing.
fn readable(replay: &Value) -> Value {
    let figures = Figures::of(replay);
    let mut readable = replay.clone();
    if replay["status"] == "completed" && figures.pending > 0 {
        // The word alone would say that they have arrived.
        readable["status"] = "all made, some pending".into();
    }
    readable["why"] = match replay["end_reason"].as_str() {
        Some("endpoint_deleted") => "its endpoint was deleted".into(),
        Some("requested") => "called off".into(),
        other => other.into(),
    };
    if let Some(counts) = readable["deliveries"].as_object_mut() {
        counts.retain(|_, count| *count != 0);
    }
    readable["never_made"] = figures.never_made_count().into();
    readable
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_to_be_concluded_is_said() {
        let counts = json!({ "pending": 3, "delivered": 4, "dead": 0, "cancelled": 0 });
        let mut replay = json!({
            "status": "completed", "end_reason": null, "expected_count": 1265, "created_count": 7, "deliveries": counts,
        });
        let shown = readable(&replay);
        assert_eq!(shown["status"], "all made, some pending");
        assert_eq!(shown["deliveries"], json!({ "pending": 3, "delivered": 4 }));
        assert_eq!(shown["never_made"], Value::Null);
        (replay["status"], replay["end_reason"]) = ("cancelled".into(), "endpoint_deleted".into());
        let shown = readable(&replay);
        assert_eq!((&shown["why"], &shown["never_made"]), (&json!("its endpoint was deleted"), &json!(1258)));
    }
}
