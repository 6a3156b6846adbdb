//! `ringback event-types`.

use clap::Subcommand;
use http::Method;
use serde_json::{Map, Value};

use super::{items, print_one};
use crate::args::Global;
use crate::client::ApiClient;
use crate::exit::CliError;
use crate::output::{self, Column};

const PATH: &str = "/v1/webhook_event_types";
const FIELDS: [Column; 2] = [("name", &["name"]), ("max age secs", &["max_age_secs"])];

/// What can be done with event types.
#[derive(Debug, Subcommand)]
pub(crate) enum EventTypesCommand {
    /// List the types that endpoints may name: OpenAI's, then those that only this project has.
    List,
    /// Register a type, so that endpoints may name it before it was ever sent; or say how fast a type ages.
    #[command(after_help = "Examples:\n  ringback event-types register order.paid\n  \
        ringback event-types register realtime.call.incoming --max-age 30")]
    Register {
        /// Such as `order.paid`.
        name: String,
        /// How old its events may be when they are attempted, in seconds, 1 to 2592000: older ones are dead. `none`: as old as
        /// may be; `default`: as the catalogue says, which is 60 for calls that ring, and `none` for most [default: as it is].
        #[arg(long, value_name = "SECS", value_parser = max_age)]
        max_age: Option<Value>,
    },
}

/// Runs `ringback event-types …`.
pub(crate) fn run(global: &Global, command: EventTypesCommand) -> Result<(), CliError> {
    let api = ApiClient::new(global)?;
    match command {
        EventTypesCommand::List => list(global, &api.call(Method::GET, PATH, None)?),
        EventTypesCommand::Register { name, max_age } => {
            let mut body = Map::from_iter([("name".to_owned(), name.into())]);
            if let Some(secs) = max_age {
                body.insert("max_age_secs".into(), secs);
            }
            let registered = api.call(Method::POST, PATH, Some(&Value::Object(body)))?;
            print_one(global, &registered, &FIELDS)
        }
    }
}

/// Bare names, one a line.
fn list(global: &Global, answer: &Value) -> Result<(), CliError> {
    if global.json {
        return output::json(answer);
    }
    let names: Vec<&str> = items(answer).iter().filter_map(Value::as_str).collect();
    output::line(names.join("\n"))
}

/// As the API takes it: 0 is no limit, `null` is the default.
fn max_age(text: &str) -> Result<Value, String> {
    match (text, text.parse::<u32>()) {
        ("none", _) => Ok(0.into()),
        ("default", _) => Ok(Value::Null),
        (_, Ok(secs)) if (1..=ringback_domain::delivery_rules::MAX_AGE_SECS).contains(&secs) => {
            Ok(secs.into())
        }
        _ => Err("it must be 1 to 2592000 seconds, `none` or `default`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_seconds_or_a_word() {
        assert_eq!(max_age("60"), Ok(60.into()));
        assert_eq!(max_age("none"), Ok(0.into()));
        assert_eq!(max_age("default"), Ok(Value::Null));
        for wrong in ["0", "2592001", "1m", "", "-1"] {
            assert!(max_age(wrong).is_err(), "{wrong}");
        }
    }
}
