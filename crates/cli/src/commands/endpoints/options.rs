//! The flags that `endpoints create` and `endpoints update` share: Ringback's fields of an endpoint.

use serde_json::{Map, Value, json};

use crate::commands::typed;
use crate::exit::CliError;

/// Settings of an endpoint; what is not given stays as it is.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A description for people; an empty one takes it away.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// The time-out of one attempt, 1 to 60 seconds [default of a new one: 10].
    #[arg(long, visible_alias = "timeout", value_name = "TIME", value_parser = typed::secs_between::<1, 60>,
        allow_negative_numbers = true)]
    timeout_secs: Option<u32>,
    /// A header to send with every attempt; several make the whole set. `--header ''` takes all away.
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// Send `Authorization: Bearer TOKEN` with every attempt; `@FILE` reads it from a file, an empty one
    /// takes authentication away.
    #[arg(long, value_name = "TOKEN")]
    bearer: Option<String>,
    /// Send `Authorization: Basic` with every attempt; `@FILE` reads user and password from a file.
    #[arg(long, value_name = "USER:PASSWORD", conflicts_with = "bearer")]
    basic: Option<String>,
    /// A status, 300 to 599, after which a delivery is not tried again; several make the whole set. `0` takes
    /// all away.
    #[arg(long = "no-retry-status", value_name = "STATUS", value_parser = no_retry_status, allow_negative_numbers = true)]
    no_retry_statuses: Vec<u32>,
    /// `true` holds its deliveries, `false` lets them go on.
    #[arg(long, value_name = "BOOL")]
    paused: Option<bool>,
}

impl Options {
    /// Puts what was given into the body of a request.
    pub(super) fn add_to(self, body: &mut Map<String, Value>) -> Result<(), CliError> {
        if let Some(text) = self.description {
            body.insert("description".into(), Some(text).filter(|text| !text.is_empty()).into());
        }
        if let Some(secs) = self.timeout_secs {
            body.insert("timeout_secs".into(), secs.into());
        }
        if !self.headers.is_empty() {
            body.insert("headers".into(), headers(&self.headers)?);
        }
        if let Some(authentication) = authentication(self.bearer, self.basic)? {
            body.insert("authentication".into(), authentication);
        }
        if !self.no_retry_statuses.is_empty() {
            let statuses: Vec<u32> =
                self.no_retry_statuses.into_iter().filter(|status| *status != 0).collect();
            body.insert("no_retry_statuses".into(), statuses.into());
        }
        if let Some(paused) = self.paused {
            body.insert("paused".into(), paused.into());
        }
        Ok(())
    }
}

/// 0 is the empty set.
fn no_retry_status(text: &str) -> Result<u32, String> {
    match text {
        "0" => Ok(0),
        _ => typed::between::<300, 599>(text).map_err(|error| format!("{error}, or 0")),
    }
}

fn headers(given: &[String]) -> Result<Value, CliError> {
    let mut headers = Map::new();
    for header in given.iter().filter(|header| !header.is_empty()) {
        let (name, value) = header.split_once(':').ok_or_else(|| {
            CliError::Usage("--header must be a name, a colon and a value, as in 'X-Team: billing'".into())
        })?;
        headers.insert(name.trim().to_owned(), value.trim().into());
    }
    Ok(Value::Object(headers))
}

fn authentication(bearer: Option<String>, basic: Option<String>) -> Result<Option<Value>, CliError> {
    let bearer = bearer.map(|value| from_file("--bearer", value)).transpose()?;
    let basic = basic.map(|value| from_file("--basic", value)).transpose()?;
    match (bearer, basic) {
        (Some(token), _) if token.is_empty() => Ok(Some(Value::Null)),
        (Some(token), _) => Ok(Some(json!({ "type": "bearer", "token": token }))),
        (None, Some(pair)) => {
            let (username, password) = pair.split_once(':').ok_or_else(|| {
                CliError::Usage("--basic must be a user name, a colon and a password".into())
            })?;
            Ok(Some(json!({ "type": "basic", "username": username, "password": password })))
        }
        (None, None) => Ok(None),
    }
}

/// The value itself, or what is in the file that it names, so that a secret need not be typed.
fn from_file(flag: &str, value: String) -> Result<String, CliError> {
    let Some(path) = value.strip_prefix('@') else { return Ok(value) };
    std::fs::read_to_string(path)
        .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
        .map_err(|error| CliError::Usage(format!("{flag} {value} cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_split_at_their_first_colon() {
        let given = ["X-Team: billing".to_owned(), "x-time:12:30".to_owned()];
        assert_eq!(headers(&given).unwrap(), json!({ "X-Team": "billing", "x-time": "12:30" }));
        assert_eq!(headers(&[String::new()]).unwrap(), json!({}));
        assert!(headers(&["X-Team".to_owned()]).is_err());
    }

    #[test]
    fn authentication_is_one_of_two_or_taken_away() {
        let of = |bearer: Option<&str>, basic: Option<&str>| {
            authentication(bearer.map(str::to_owned), basic.map(str::to_owned)).unwrap()
        };
        assert_eq!(of(Some("t"), None), Some(json!({ "type": "bearer", "token": "t" })));
        assert_eq!(of(Some(""), None), Some(Value::Null));
        let basic = json!({ "type": "basic", "username": "u", "password": "p:q" });
        assert_eq!(of(None, Some("u:p:q")), Some(basic));
        assert_eq!(of(None, None), None);
        assert!(authentication(None, Some("u".to_owned())).is_err());
    }
}
