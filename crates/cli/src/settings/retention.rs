//! The hard limit of retention, and what it must not fall short of.

use std::time::Duration;

use ringback_delivery::MIN_PENDING_RETENTION;

use super::Settings;
use crate::exit::CliError;

impl Settings {
    /// How long an event is kept at most while a delivery of it is pending, if that has an end.
    pub(super) fn pending_retention(&self) -> Option<Duration> {
        self.pending_retention_secs.filter(|secs| *secs > 0).map(Duration::from_secs)
    }

    /// Refuses a hard limit that would end deliveries which are still retried, or whose events are still to
    /// be kept.
    pub(crate) fn check_retention(&self, version: &str) -> Result<(), CliError> {
        let delivery = self.delivery(version);
        match delivery.pending_retention {
            Some(limit) => check(limit, delivery.event_retention).map_err(CliError::Usage),
            None => Ok(()),
        }
    }
}

fn check(limit: Duration, events: Duration) -> Result<(), String> {
    let least = events.max(MIN_PENDING_RETENTION);
    if limit >= least {
        return Ok(());
    }
    let reason = if least == MIN_PENDING_RETENTION {
        "deliveries are retried for 3 days"
    } else {
        "what is finished is kept for so long by event_retention_secs"
    };
    let (limit, least) = (limit.as_secs(), least.as_secs());
    Err(format!(
        "pending_retention_secs is {limit}, but must be at least {least} ({reason}), or 0 for no limit"
    ))
}

#[cfg(test)]
mod tests {
    use figment::Figment;
    use figment::providers::{Format, Toml};

    use super::*;

    fn read(toml: &str) -> Settings {
        let needed = "listen = '127.0.0.1:0'\ndata_dir = 'data'\n";
        Figment::from(Toml::string(&format!("{needed}{toml}"))).extract().unwrap()
    }

    #[test]
    fn it_is_off_unless_it_is_set() {
        for toml in ["", "pending_retention_secs = 0"] {
            let settings = read(toml);
            assert_eq!(settings.delivery("0").pending_retention, None, "{toml}");
            settings.check_retention("0").unwrap();
        }
    }

    #[test]
    fn it_reaches_delivery() {
        let settings = read("pending_retention_secs = 2592000");
        settings.check_retention("0").unwrap();
        assert_eq!(settings.delivery("0").pending_retention, Some(Duration::from_secs(30 * 24 * 3600)));
        read("pending_retention_secs = 345600\nevent_retention_secs = 60").check_retention("0").unwrap();
    }

    #[test]
    fn what_is_too_short_is_refused_by_name_with_what_is_allowed() {
        for (toml, says) in [
            ("pending_retention_secs = 2591999", "2591999, but must be at least 2592000 (what is finished"),
            (
                "pending_retention_secs = 345599\nevent_retention_secs = 60",
                "345599, but must be at least 345600 (deliveries are retried for 3 days), or 0 for no limit",
            ),
            ("pending_retention_secs = 1\nevent_retention_secs = 345601", "1, but must be at least 345601"),
        ] {
            let error = read(toml).check_retention("0").unwrap_err().to_string();
            assert!(error.starts_with(&format!("pending_retention_secs is {says}")), "{error}");
        }
    }
}
