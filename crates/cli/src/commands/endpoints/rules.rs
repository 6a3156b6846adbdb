//! The flags of when, how fast and in what order an endpoint gets its deliveries.

use ringback_domain::delivery_rules::{
    DEFAULT_ORDERING_WAIT_SECS, MAX_AGE_SECS, MAX_CONCURRENCY, MAX_ORDERING_WAIT_SECS, MAX_PER_SEC,
};
use ringback_domain::retry::Schedule;
use serde_json::{Map, Value, json};

use crate::commands::duration;

/// Rules of an endpoint, each as the API takes it; what is not given stays as it is.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Rules of delivery")]
pub(crate) struct Rules {
    /// The delays between attempts, up to 50, as in `5,30,120` (seconds) or `5s,1m,2h`. `none`: one attempt
    /// and no retry. `default`: twelve attempts over 72 hours.
    #[arg(long, value_name = "TIME,...", value_parser = retry_delays, allow_negative_numbers = true)]
    retry_delays: Option<Value>,
    /// How many attempts begin per second, 1 to 10000. `none`: as many as there are.
    #[arg(long, value_name = "N", value_parser = up_to::<MAX_PER_SEC>, allow_negative_numbers = true)]
    max_per_sec: Option<Value>,
    /// How many attempts run at once, 1 to 1000. `none`: as many as the server makes.
    #[arg(long, value_name = "N", value_parser = up_to::<{ MAX_CONCURRENCY as u32 }>, allow_negative_numbers = true)]
    max_concurrency: Option<Value>,
    /// `object`: the deliveries of one object go one after the other, in the order of their events. `none`:
    /// each when it is due.
    #[arg(long, value_name = "ORDER", value_parser = ["none", "object"])]
    ordering: Option<String>,
    /// How long a delivery waits for the one before it, counted from that one's first attempt: seconds, or as
    /// in `10m`; up to `3d`. `default`: an hour.
    #[arg(long, value_name = "TIME", value_parser = ordering_wait, allow_negative_numbers = true)]
    ordering_wait: Option<Value>,
    /// How old an event may be when it is attempted: seconds, or as in `1h`; up to `30d`. Older ones are
    /// dead. `none`: as the event's type says.
    #[arg(long, value_name = "TIME", value_parser = max_age, allow_negative_numbers = true)]
    max_age: Option<Value>,
}

impl Rules {
    /// Puts what was given into the body of a request.
    pub(super) fn add_to(self, body: &mut Map<String, Value>) {
        let given = [
            ("retry_delays_secs", self.retry_delays),
            ("max_per_sec", self.max_per_sec),
            ("max_concurrency", self.max_concurrency),
            ("ordering", self.ordering.map(Value::from)),
            ("ordering_wait_secs", self.ordering_wait),
            ("max_age_secs", self.max_age),
        ];
        body.extend(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
}

fn retry_delays(text: &str) -> Result<Value, String> {
    match text {
        "none" => return Ok(json!([])),
        "default" => return Ok(Value::Null),
        _ => {}
    }
    // Of every size: which are too long is the schedule's to say, and which of them it is.
    let delays = text.split(',').map(|delay| duration::parse(delay.trim(), &(0..=u32::MAX), ""));
    let delays: Result<Vec<u32>, String> = delays.collect();
    let delays = delays.map_err(|_| {
        "it must be lengths of time with commas between, as in `5,30` or `5s,1m`, `none` or `default`"
            .to_owned()
    })?;
    let schedule = Schedule::new(delays).map_err(|error| error.to_string())?;
    Ok(schedule.delays_secs().into())
}

/// `null` is what `none` is in the API.
fn up_to<const MAX: u32>(text: &str) -> Result<Value, String> {
    match (text, text.parse::<u32>()) {
        ("none", _) => Ok(Value::Null),
        (_, Ok(n)) if (1..=MAX).contains(&n) => Ok(n.into()),
        _ => Err(format!("it must be 1 to {MAX}, or `none`")),
    }
}

fn ordering_wait(text: &str) -> Result<Value, String> {
    match text {
        "default" => Ok(DEFAULT_ORDERING_WAIT_SECS.into()),
        _ => duration::parse(text, &(1..=MAX_ORDERING_WAIT_SECS), ", or `default`").map(Value::from),
    }
}

fn max_age(text: &str) -> Result<Value, String> {
    match text {
        "none" => Ok(Value::Null),
        _ => duration::parse(text, &(1..=MAX_AGE_SECS), ", or `none`").map(Value::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_delays_or_a_word() {
        assert_eq!(retry_delays("5,30, 120"), Ok(json!([5, 30, 120])));
        assert_eq!(retry_delays("5s,1m,2h"), Ok(json!([5, 60, 7200])));
        assert_eq!(retry_delays("none"), Ok(json!([])));
        assert_eq!(retry_delays("default"), Ok(Value::Null));
        for (wrong, says) in [
            ("", "lengths of time"),
            ("5;30", "lengths of time"),
            ("5,", "lengths of time"),
            ("-5", "lengths of time"),
            ("5,0", "delay 2 is 0 s"),
            ("72001", "72000"),
            ("72000,72000,72000,72000", "288000 s"),
        ] {
            let error = retry_delays(wrong).unwrap_err();
            assert!(error.contains(says), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_number_is_within_its_range_or_taken_away() {
        assert_eq!(up_to::<1000>("1000"), Ok(1000.into()));
        assert_eq!(up_to::<1000>("none"), Ok(Value::Null));
        for wrong in ["0", "1001", "-1", "", "default"] {
            assert_eq!(up_to::<1000>(wrong), Err("it must be 1 to 1000, or `none`".to_owned()), "{wrong}");
        }
        assert_eq!(ordering_wait("default"), Ok(3600.into()));
        assert_eq!((ordering_wait("259200"), ordering_wait("3d")), (Ok(259_200.into()), Ok(259_200.into())));
        assert_eq!((max_age("1h"), max_age("none")), (Ok(3600.into()), Ok(Value::Null)));
        assert_eq!(max_age("31d"), Err("it must be 1 s to 30 d (2592000 s), or `none`".to_owned()));
        assert!(ordering_wait("none").is_err(), "not to wait at all is `--ordering none`");
    }
}
