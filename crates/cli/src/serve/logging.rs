//! Where log lines go: stderr, as text or as JSON. Never a secret, a signature or a payload.

use std::io::IsTerminal;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::{LogFormat, LogSettings};

/// Starts logging for the whole process.
pub(crate) fn start(settings: &LogSettings) {
    let level = settings.level.filter();
    // Other people's crates speak only when something is wrong.
    let filter = Targets::new().with_default(tracing::Level::WARN).with_targets(
        [
            "ringback",
            "ringback_server",
            "ringback_delivery",
            "ringback_store",
            "ringback_jobs",
            "ringback_egress",
        ]
        .map(|target| (target, level)),
    );
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let registry = tracing_subscriber::registry().with(filter);
    match settings.format {
        LogFormat::Text => registry.with(layer.with_ansi(std::io::stderr().is_terminal())).init(),
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).init(),
    }
}
