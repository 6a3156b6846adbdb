//! `ringback event-types`.

use clap::Subcommand;
use http::Method;
use ringback_domain::delivery_rules::MAX_AGE_SECS;
use serde_json::{Map, Value};

use super::{duration, items, segment, typed};
use crate::args::Global;
use crate::client::ApiClient;
use crate::exit::CliError;
use crate::output::{self, Column};

const PATH: &str = "/v1/webhook_event_types";
const FIELDS: [Column; 3] = [("name", &["name"]), ("max age", &["max_age"]), ("registered", &["registered"])];

/// What can be done with event types.
#[derive(Debug, Subcommand)]
pub(crate) enum EventTypesCommand {
    /// List the types that endpoints may name: OpenAI's, then those that only this project has.
    List,
    /// Show a type: how fast it ages, and whether it is registered.
    Get {
        /// Such as `order.paid`.
        name: String,
    },
    /// Register a type, so that endpoints may name it before it was ever sent; or say how fast a type ages.
    #[command(after_help = "Examples:\n  ringback event-types register order.paid\n  \
        ringback event-types register realtime.call.incoming --max-age 30s")]
    Register {
        /// Such as `order.paid`.
        #[arg(value_parser = typed::event_type)]
        name: String,
        /// How old its events may be when they are attempted: seconds, or as in `1h`; up to `30d`. Older ones
        /// are dead. `none`: as old as may be; `default`: as the catalogue says, which is a minute for calls
        /// that ring, and `none` for most [default: as it is].
        #[arg(long, value_name = "TIME", value_parser = max_age, allow_negative_numbers = true)]
        max_age: Option<Value>,
    },
}

/// Runs `ringback event-types …`.
pub(crate) fn run(global: &Global, command: EventTypesCommand) -> Result<(), CliError> {
    let api = ApiClient::new(global)?;
    match command {
        EventTypesCommand::List => list(global, &api.call(Method::GET, PATH, None)?),
        EventTypesCommand::Get { name } => {
            show(global, &api.call(Method::GET, &format!("{PATH}/{}", segment(&name)), None)?)
        }
        EventTypesCommand::Register { name, max_age } => {
            let mut body = Map::from_iter([("name".to_owned(), name.into())]);
            if let Some(secs) = max_age {
                body.insert("max_age_secs".into(), secs);
            }
            let registered = api.call(Method::POST, PATH, Some(&Value::Object(body)))?;
            show(global, &registered)
        }
    }
}

/// An age that is not set is one that does not matter.
fn show(global: &Global, event_type: &Value) -> Result<(), CliError> {
    if global.json {
        return output::json(event_type);
    }
    let mut readable = event_type.clone();
    readable["max_age"] = event_type["max_age_secs"].as_u64().map_or("none".into(), duration::shown).into();
    if let Some(is_registered) = event_type["registered"].as_bool() {
        readable["registered"] = if is_registered { "yes" } else { "no" }.into();
    }
    output::fields(&readable, &FIELDS)
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
    match text {
        "none" => Ok(0.into()),
        "default" => Ok(Value::Null),
        _ => duration::parse(text, &(1..=MAX_AGE_SECS), ", `none` or `default`").map(Value::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_seconds_or_a_word() {
        assert_eq!((max_age("60"), max_age("1h")), (Ok(60.into()), Ok(3600.into())));
        assert_eq!(max_age("none"), Ok(0.into()));
        assert_eq!(max_age("default"), Ok(Value::Null));
        for wrong in ["0", "2592001", "31d", "", "-1"] {
            assert!(max_age(wrong).is_err(), "{wrong}");
        }
    }
}
