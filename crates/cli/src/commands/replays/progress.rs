//! How far a replay is: a bar on a terminal, plain lines otherwise. First its deliveries are made, then they
//! arrive.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use super::figures::Figures;
use crate::output;

/// Without a terminal, a line comes at most so often.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// What is shown while the server is away.
const SILENCE: &str = "the server does not answer; trying again";

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

    /// Says something beside the progress.
    pub(super) fn talk(&self, text: &str) {
        self.bar.suspend(|| output::talk(text));
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
