//! How far a replay is: a bar on a terminal, plain lines otherwise. First its deliveries are made, then they arrive.

use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use tokio::time::Instant;

use crate::output;

/// Without a terminal, a line comes at most so often.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// What is shown while the server is away.
const SILENCE: &str = "the server does not answer; trying again";

/// A replay in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Figures {
    is_running: bool,
    pub(super) is_cancelled: bool,
    expected: u64,
    created: u64,
    pending: u64,
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

    /// What is done first or then, how much of how much.
    fn stage(self) -> (&'static str, u64, u64) {
        match self.is_running {
            // The count was made beforehand, and may be too low.
            true => ("made", self.created, self.expected.max(self.created)),
            false => ("ended", self.created.saturating_sub(self.pending), self.created),
        }
    }

    fn outcomes(self) -> String {
        let Self { pending, delivered, dead, cancelled, .. } = self;
        let counts =
            [(pending, "pending"), (delivered, "delivered"), (dead, "dead"), (cancelled, "cancelled")];
        let told = counts.iter().filter(|(count, _)| *count > 0);
        let told: Vec<String> = told.map(|(count, word)| format!("{} {word}", HumanCount(*count))).collect();
        told.join(", ")
    }

    fn line(self) -> String {
        let (verb, done, of) = self.stage();
        let (done, of, outcomes) = (HumanCount(done), HumanCount(of), self.outcomes());
        let colon = if outcomes.is_empty() { "" } else { ": " };
        format!("{done} of {of} {verb}{colon}{outcomes}")
    }
}

/// What shows it.
pub(super) struct Progress {
    bar: ProgressBar,
    /// The last line, and when it came.
    said: Option<(Figures, Instant)>,
    /// Whether the server was away when it was last asked.
    is_silent: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("[{bar:30}] {msg}");
        bar.set_style(style.expect("the template is well-formed").progress_chars("=> "));
        Self { bar, said: None, is_silent: false }
    }

    /// Shows how far it is now.
    pub(super) fn show(&mut self, figures: Figures) {
        self.is_silent = false;
        // Where there is no terminal, or one that can only write, no bar is drawn.
        if self.bar.is_hidden() {
            return self.say(figures);
        }
        let (_, done, of) = figures.stage();
        self.bar.update(|state| {
            state.set_len(of);
            state.set_pos(done);
        });
        self.bar.set_message(figures.line());
    }

    /// Shows that the server did not say how far it is.
    pub(super) fn show_silence(&mut self) {
        match (self.bar.is_hidden(), self.is_silent) {
            (false, _) => self.bar.set_message(SILENCE),
            (true, false) => output::talk(SILENCE),
            (true, true) => {}
        }
        self.is_silent = true;
    }

    fn say(&mut self, figures: Figures) {
        let is_news = self.said.is_none_or(|(said, at)| said != figures && at.elapsed() >= LINE_INTERVAL);
        if is_news || figures.has_ended() {
            output::talk(figures.line());
            self.said = Some((figures, Instant::now()));
        }
    }

    /// Leaves the bar as it is.
    pub(super) fn finish(&self) {
        self.bar.abandon();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn figures(status: &str, created: u64, counts: [u64; 4]) -> Figures {
        let [pending, delivered, dead, cancelled] = counts;
        Figures::of(&json!({
            "status": status, "expected_count": 1000, "created_count": created,
            "deliveries": { "pending": pending, "delivered": delivered, "dead": dead, "cancelled": cancelled },
        }))
    }

    #[test]
    fn deliveries_are_made_and_then_end() {
        assert_eq!(figures("running", 0, [0; 4]).line(), "0 of 1,000 made");
        assert_eq!(
            figures("running", 120, [40, 80, 0, 0]).line(),
            "120 of 1,000 made: 40 pending, 80 delivered"
        );
        assert_eq!(figures("running", 1200, [0, 1200, 0, 0]).stage(), ("made", 1200, 1200));
        assert_eq!(
            figures("completed", 900, [3, 890, 5, 2]).line(),
            "897 of 900 ended: 3 pending, 890 delivered, 5 dead, 2 cancelled"
        );
    }

    #[test]
    fn it_has_ended_when_nothing_is_to_come() {
        assert!(!figures("running", 1000, [0, 1000, 0, 0]).has_ended());
        assert!(!figures("completed", 1000, [1, 999, 0, 0]).has_ended());
        assert!(!figures("cancelled", 1000, [1, 0, 0, 999]).has_ended());
        assert!(figures("cancelled", 1000, [0, 0, 0, 1000]).has_ended());
        assert!(figures("completed", 0, [0; 4]).has_ended());
    }
}
