//! A replay in numbers, and how they are said.

use indicatif::HumanCount;
use serde_json::Value;

/// How many deliveries there are to be, and how those stand that were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Figures {
    is_running: bool,
    pub(super) is_cancelled: bool,
    expected: u64,
    expected_is_minimum: bool,
    created: u64,
    pub(super) pending: u64,
    delivered: u64,
    pub(super) dead: u64,
    pub(super) cancelled: u64,
}

impl Figures {
    pub(super) fn of(replay: &Value) -> Self {
        let number = |value: &Value| value.as_u64().unwrap_or_default();
        let counts = &replay["deliveries"];
        Self {
            is_running: replay["status"] == "running",
            is_cancelled: replay["status"] == "cancelled",
            expected: number(&replay["expected_count"]),
            expected_is_minimum: replay["expected_count_is_minimum"] == true,
            created: number(&replay["created_count"]),
            pending: number(&counts["pending"]),
            delivered: number(&counts["delivered"]),
            dead: number(&counts["dead"]),
            cancelled: number(&counts["cancelled"]),
        }
    }

    /// Whether nothing will change any more.
    pub(super) fn has_ended(self) -> bool {
        !self.is_running && self.pending == 0
    }

    /// Whether there was nothing to send.
    pub(super) fn is_empty(self) -> bool {
        self.expected == 0 && !self.expected_is_minimum && self.created == 0
    }

    /// What is done first or then, how much of how much.
    pub(super) fn stage(self) -> (&'static str, u64, u64) {
        // The count was made beforehand, and may be too low.
        let all = self.expected.max(self.created);
        let ended = self.created.saturating_sub(self.pending);
        match (self.is_running, self.is_cancelled) {
            (true, _) => ("made", self.created, all),
            // What was called off stays behind what was wanted.
            (false, true) => ("ended", ended, all),
            (false, false) => ("ended", ended, self.created),
        }
    }

    /// Of one that was called off: how many it did not come to.
    pub(super) fn never_made_count(self) -> Option<u64> {
        let count = self.expected.saturating_sub(self.created);
        (self.is_cancelled && count > 0).then_some(count)
    }

    /// The same in words: `1,258 were never made`.
    fn never_made(self) -> Option<String> {
        let count = self.never_made_count()?;
        let at_least = if self.expected_is_minimum { "at least " } else { "" };
        let verb = if count == 1 { "was" } else { "were" };
        Some(format!("{at_least}{} {verb} never made", HumanCount(count)))
    }

    /// How it stands with what was made, those counts that are not zero.
    fn outcomes(self) -> Vec<String> {
        let Self { pending, delivered, dead, cancelled, .. } = self;
        counted([(pending, "pending"), (delivered, "delivered"), (dead, "dead"), (cancelled, "cancelled")])
    }

    /// What went wrong, those counts that are not zero.
    pub(super) fn losses(self) -> Vec<String> {
        let mut losses = counted([(self.dead, "dead"), (self.cancelled, "cancelled")]);
        losses.extend(self.never_made());
        losses
    }

    pub(super) fn line(self) -> String {
        let (verb, done, of) = self.stage();
        let mut outcomes = self.outcomes();
        outcomes.extend(self.never_made());
        let colon = if outcomes.is_empty() { "" } else { ": " };
        format!("{} of {} {verb}{colon}{}", HumanCount(done), HumanCount(of), outcomes.join(", "))
    }
}

fn counted<const N: usize>(counts: [(u64, &str); N]) -> Vec<String> {
    let told = counts.iter().filter(|(count, _)| *count > 0);
    told.map(|(count, word)| format!("{} {word}", HumanCount(*count))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn figures(status: &str, created: u64, counts: [u64; 4]) -> Figures {
        let [pending, delivered, dead, cancelled] = counts;
        Figures::of(&json!({
            "status": status, "expected_count": 1265, "created_count": created,
            "deliveries": { "pending": pending, "delivered": delivered, "dead": dead, "cancelled": cancelled },
        }))
    }

    #[test]
    fn deliveries_are_made_and_then_end() {
        assert_eq!(figures("running", 0, [0; 4]).line(), "0 of 1,265 made");
        assert_eq!(
            figures("running", 120, [40, 80, 0, 0]).line(),
            "120 of 1,265 made: 40 pending, 80 delivered"
        );
        assert_eq!(figures("running", 1300, [0, 1300, 0, 0]).stage(), ("made", 1300, 1300));
        assert_eq!(
            figures("completed", 900, [3, 890, 5, 2]).line(),
            "897 of 900 ended: 3 pending, 890 delivered, 5 dead, 2 cancelled"
        );
    }

    #[test]
    fn what_was_called_off_stays_behind_what_was_wanted() {
        let off = figures("cancelled", 7, [0, 7, 0, 0]);
        assert_eq!(off.stage(), ("ended", 7, 1265));
        assert_eq!(off.line(), "7 of 1,265 ended: 7 delivered, 1,258 were never made");
        assert_eq!(off.losses(), ["1,258 were never made"]);
        let last = figures("cancelled", 1264, [0, 1260, 3, 1]);
        assert_eq!(last.losses(), ["3 dead", "1 cancelled", "1 was never made"]);
        assert_eq!(figures("completed", 900, [0; 4]).never_made(), None, "it made all that there was");
    }

    #[test]
    fn it_has_ended_when_nothing_is_to_come() {
        assert!(!figures("running", 1265, [0, 1265, 0, 0]).has_ended());
        assert!(!figures("completed", 1265, [1, 1264, 0, 0]).has_ended());
        assert!(!figures("cancelled", 1265, [1, 0, 0, 1264]).has_ended());
        assert!(figures("cancelled", 1265, [0, 0, 0, 1265]).has_ended());
        assert!(figures("completed", 0, [0; 4]).has_ended());
    }
}
