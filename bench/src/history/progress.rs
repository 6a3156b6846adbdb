//! How far the filling is, on stderr while that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// The bar. Goes away with what it tells of.
#[derive(Clone)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// At nothing of `events`.
    pub(super) fn begin(events: u64) -> Self {
        let bar = ProgressBar::new(events);
        let template = "{wide_bar} {human_pos} of {human_len} events, {per_sec}, {eta} left  {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// So many more are on their way.
    pub(super) fn advance(&self, events: u64) {
        self.0.inc(events);
    }

    /// What is done now that none are left.
    pub(super) fn say(&self, what: &'static str) {
        self.0.set_message(what);
    }

    /// All is done.
    pub(super) fn end(&self) {
        self.0.finish_and_clear();
    }
}
