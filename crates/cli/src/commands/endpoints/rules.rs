//! The flags of when, how fast and in what order an endpoint gets its deliveries.

use ringback_domain::delivery_rules::{
    DEFAULT_ORDERING_WAIT_SECS, MAX_AGE_SECS, MAX_CONCURRENCY, MAX_ORDERING_WAIT_SECS, MAX_PER_SEC,
};
use ringback_domain::retry::Schedule;
use serde_json::{Map, Value, json};

/// Rules of an endpoint, each as the API takes it; what is not given stays as it is.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Rules of delivery")]
pub(crate) struct Rules {
    /// The delays between attempts, up to 50, in seconds, as in `5,30,120`. `none`: one attempt and no retry. `default`: twelve
    /// attempts over 72 hours.
    #[arg(long, value_name = "SECS,...", value_parser = retry_delays)]
    retry_delays: Option<Value>,
    /// How many attempts begin per second, 1 to 10000. `none`: as many as there are.
    #[arg(long, value_name = "N", value_parser = up_to::<MAX_PER_SEC>)]
    max_per_sec: Option<Value>,
    /// How many attempts run at once, 1 to 1000. `none`: as many as the server makes.
    #[arg(long, value_name = "N", value_parser = up_to::<{ MAX_CONCURRENCY as u32 }>)]
    max_concurrency: Option<Value>,
    /// `object`: the deliveries of one object go one after the other, in the order of their events. `none`: each when it is due.
    #[arg(long, value_name = "ORDER", value_parser = ["none", "object"])]
    ordering: Option<String>,
    /// How long a delivery waits for the one before it, in seconds since that one's first attempt, 1 to 259200. `default`: an
    /// hour.
    #[arg(long, value_name = "SECS", value_parser = ordering_wait)]
    ordering_wait: Option<Value>,
    /// How old an event may be when it is attempted, in seconds, 1 to 2592000: older ones are dead. `none`: as the event's type
    /// says.
    #[arg(long, value_name = "SECS", value_parser = up_to::<MAX_AGE_SECS>)]
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
    let delays: Result<Vec<u32>, _> = text.split(',').map(|secs| secs.trim().parse()).collect();
    let delays =
        delays.map_err(|_| "it must be whole seconds with commas between, `none` or `default`".to_owned())?;
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
    match (text, text.parse::<u32>()) {
        ("default", _) => Ok(DEFAULT_ORDERING_WAIT_SECS.into()),
        (_, Ok(n)) if (1..=MAX_ORDERING_WAIT_SECS).contains(&n) => Ok(n.into()),
        _ => Err(format!("it must be 1 to {MAX_ORDERING_WAIT_SECS} seconds, or `default`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_delays_or_a_word() {
        assert_eq!(retry_delays("5,30, 120"), Ok(json!([5, 30, 120])));
        assert_eq!(retry_delays("none"), Ok(json!([])));
        assert_eq!(retry_delays("default"), Ok(Value::Null));
        for (wrong, says) in [
            ("", "whole seconds"),
            ("5;30", "whole seconds"),
            ("5,", "whole seconds"),
            ("5,0", "delay 1 is 0 s"),
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
        assert_eq!(ordering_wait("259200"), Ok(259_200.into()));
        assert!(ordering_wait("none").is_err(), "not to wait at all is `--ordering none`");
    }
}
