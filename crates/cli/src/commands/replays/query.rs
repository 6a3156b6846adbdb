//! The flags that say what is replayed, and where to.

use clap::ArgGroup;
use ringback_domain::replay::{DEFAULT_RATE, MAX_RATE};
use serde_json::{Map, Value};

use crate::commands::{moment, typed};

/// What is replayed. Without any of these flags: everything, whatever became of it.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("how_it_stands").args(["state", "missed"]))]
pub(crate) struct Query {
    /// Only to this endpoint, also what came before it was made [default: to every endpoint that wants the
    /// event now].
    #[arg(long, value_name = "ID")]
    endpoint: Option<String>,
    /// Only what came in by this source.
    #[arg(long, value_name = "ID")]
    source: Option<String>,
    /// Only events of this type.
    #[arg(long = "type", value_name = "TYPE", value_parser = typed::one_type)]
    event_type: Option<String>,
    /// Only events about this object, such as `resp_…` or `batch_…`.
    #[arg(long, visible_alias = "object-id", value_name = "ID")]
    object: Option<String>,
    /// Only what stands so with the endpoint, by its newest delivery there.
    #[arg(long, value_parser = ["pending", "delivered", "dead", "cancelled", "missed"])]
    state: Option<String>,
    /// Only what the endpoint never got and will not by itself: the same as `--state missed`.
    #[arg(long)]
    missed: bool,
    /// Only what came in then or later: Unix seconds, a date (UTC), RFC 3339, a time as tables print it, or
    /// how long ago, as in `2h` or `3d`.
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    since: Option<i64>,
    /// Only what came in before then.
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    until: Option<i64>,
    /// To this URL in place of the endpoints, each event once, signed with a secret that is shown this once.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// How many deliveries are made a second, 1 to 1000.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_RATE,
        value_parser = typed::between::<1, MAX_RATE>, allow_negative_numbers = true)]
    rate: u32,
}

impl Query {
    /// Whether nothing narrows it down.
    pub(super) fn is_of_everything(&self) -> bool {
        let texts = [&self.endpoint, &self.source, &self.event_type, &self.object, &self.state];
        let times = [self.since, self.until];
        texts.iter().all(|text| text.is_none()) && times.iter().all(Option::is_none) && !self.missed
    }

    /// The endpoint that is named, unless another URL is called in its place.
    pub(super) fn called_endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref().filter(|_| self.to.is_none())
    }

    /// Who is called, for people.
    pub(super) fn destination(&self) -> String {
        match (&self.to, &self.endpoint) {
            (Some(url), _) => url.clone(),
            (None, Some(id)) => format!("endpoint {id}"),
            (None, None) => "every endpoint that wants them".to_owned(),
        }
    }

    /// Deliveries made a second.
    pub(super) fn rate(&self) -> u32 {
        self.rate
    }

    /// The body of the request that makes the replay, or only counts.
    pub(super) fn body(&self, dry_run: bool) -> Value {
        let state = if self.missed { Some("missed") } else { self.state.as_deref() };
        let text = |value: &Option<String>| value.clone().map(Value::from);
        let fields = [
            ("endpoint_id", text(&self.endpoint)),
            ("source_id", text(&self.source)),
            ("type", text(&self.event_type)),
            ("object_id", text(&self.object)),
            ("state", state.map(Value::from)),
            ("created_after", self.since.map(Value::from)),
            ("created_before", self.until.map(Value::from)),
            ("target_url", text(&self.to)),
            ("rate", Some(self.rate.into())),
            ("dry_run", dry_run.then_some(Value::Bool(true))),
        ];
        let given = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(Map::from_iter(given))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        query: Query,
    }

    fn body(flags: &[&str], dry_run: bool) -> Value {
        let line = Line::try_parse_from([&["replay"], flags].concat()).map_err(|error| error.to_string());
        line.unwrap().query.body(dry_run)
    }

    #[test]
    fn only_what_is_given_is_asked() {
        assert_eq!(body(&[], false), json!({ "rate": 50 }));
        assert_eq!(body(&["--missed"], true), json!({ "state": "missed", "rate": 50, "dry_run": true }));
        let flags = ["--endpoint", "e", "--source", "s", "--type", "a.b", "--object", "o", "--state", "dead"];
        let times = ["--since", "7", "--until", "1970-01-01T00:00:08Z", "--to", "http://x/", "--rate", "9"];
        let expected = json!({
            "endpoint_id": "e", "source_id": "s", "type": "a.b", "object_id": "o", "state": "dead",
            "created_after": 7, "created_before": 8, "target_url": "http://x/", "rate": 9,
        });
        assert_eq!(body(&[&flags[..], &times].concat(), false), expected);
    }

    #[test]
    fn a_url_and_a_rate_narrow_nothing_down() {
        let query = |flags: &[&str]| {
            let line = Line::try_parse_from([&["replay"], flags].concat()).map_err(|error| error.to_string());
            line.unwrap().query
        };
        assert!(query(&["--to", "http://x/", "--rate", "9"]).is_of_everything());
        for flags in [["--endpoint", "e"], ["--since", "7"], ["--until", "7"], ["--state", "dead"]] {
            assert!(!query(&flags).is_of_everything(), "{flags:?}");
        }
        assert!(!query(&["--missed"]).is_of_everything());
        let elsewhere = query(&["--endpoint", "e", "--to", "http://x/"]);
        assert_eq!((elsewhere.called_endpoint(), elsewhere.destination().as_str()), (None, "http://x/"));
        assert_eq!(query(&["--endpoint", "e"]).destination(), "endpoint e");
        assert_eq!(query(&[]).destination(), "every endpoint that wants them");
    }

    #[test]
    fn missed_is_a_state_and_there_is_one_at_most() {
        assert!(Line::try_parse_from(["replay", "--missed", "--state", "dead"]).is_err());
        assert!(Line::try_parse_from(["replay", "--rate", "0"]).is_err());
        assert!(Line::try_parse_from(["replay", "--rate", "1001"]).is_err());
    }
}
