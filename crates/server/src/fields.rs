//! Reading the JSON object that a request's body is, with an error for each way in which it can be wrong.
//!
//! Read by hand rather than derived, so that every error names its parameter, says what would be right, and
//! has OpenAI's code. `null` for an optional field is the same as leaving it out, but where an update takes
//! something away by it. The content type does not matter: clients of all kinds send JSON under wrong names.
//! No key may be there twice, see [`crate::object`].

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use ringback_domain::{ParseIdError, TypedId, UnknownWord};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::body;
use crate::error::ApiError;
use crate::nearest::{did_you_mean, shown};
use crate::object;
use crate::parts::Shared;
use crate::values;

/// The largest body of an API request, in bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Longer than every word and every id, and short enough to be repeated in an error.
const MAX_WORD_CHARS: usize = 64;

/// The body of an API request, read whole.
#[derive(Clone)]
pub(crate) struct JsonBody(Bytes);

impl JsonBody {
    /// The largest body that this takes, in bytes.
    pub(crate) const MAX_BYTES: usize = MAX_BODY_BYTES;
}

impl FromRequest<Shared> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, ApiError> {
        body::read(request.into_body(), MAX_BODY_BYTES, app.settings().body_timeout).await.map(Self)
    }
}

impl JsonBody {
    /// The fields, none of which may be other than `known`. No body at all is an object without fields.
    pub(crate) fn fields(&self, known: &[&'static str]) -> Result<Fields, ApiError> {
        if self.is_empty() {
            return Ok(Fields(Map::new()));
        }
        Fields::of_known(object::read_deep(&self.0)?, known)
    }

    /// Whether there is no body at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The fields of a JSON object.
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// Reads a JSON text, or nothing, as [`JsonBody::fields`] does. What its values hold may have keys twice:
    /// that is its receivers' to read.
    pub(crate) fn parse(body: &[u8], known: &[&'static str]) -> Result<Self, ApiError> {
        if body.is_empty() {
            return Ok(Self(Map::new()));
        }
        Self::of_known(object::read(body)?.into_iter().collect(), known)
    }

    /// Whether a JSON text is an object with these fields and no others; their values are not looked at.
    pub(crate) fn parse_shallow(body: &[u8], known: &[&'static str]) -> Result<(), ApiError> {
        let fields: Vec<(String, IgnoredAny)> = object::read(body)?;
        check_known(fields.iter().map(|(name, _)| name), known)?;
        let is_missing = |name: &&&'static str| !fields.iter().any(|(given, _)| given == **name);
        known.iter().find(is_missing).map_or(Ok(()), |name| required(name, None))
    }

    fn of_known(fields: Map<String, Value>, known: &[&'static str]) -> Result<Self, ApiError> {
        check_known(fields.keys(), known)?;
        Ok(Self(fields))
    }

    /// The fields of an object within another, none of which may be other than `known`.
    pub(crate) fn of(name: &'static str, value: &Value, known: &[&'static str]) -> Result<Self, ApiError> {
        let Value::Object(fields) = value else {
            return Err(
                ApiError::bad_request("invalid_type", format!("`{name}` must be an object")).param(name)
            );
        };
        Self::of_known(fields.clone(), known)
    }

    /// The value of a field as it is, unless it is `null`.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.get(name)
    }

    /// A point in time in Unix seconds, from 1970 to the end of the year 9999.
    pub(crate) fn unix_secs(&self, name: &'static str) -> Result<Option<i64>, ApiError> {
        const MAX: i64 = 253_402_300_799;
        let Some(value) = self.get(name) else { return Ok(None) };
        let secs = value.as_i64().filter(|secs| (0..=MAX).contains(secs));
        secs.map(Some).ok_or_else(|| {
            let message = format!("`{name}` must be a time in whole Unix seconds, from 0 to {MAX}");
            ApiError::invalid_value(name, message)
        })
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text of 1 to `max_chars` characters.
    pub(crate) fn text(&self, name: &'static str, max_chars: usize) -> Result<Option<&str>, ApiError> {
        self.get(name).map(|value| text(value, name, max_chars)).transpose()
    }

    /// A text for people, on one line: no control characters, which could forge lines of a log or a terminal.
    pub(crate) fn line(&self, name: &'static str, max_chars: usize) -> Result<Option<&str>, ApiError> {
        let line = self.text(name, max_chars)?;
        if line.is_some_and(|line| line.contains(char::is_control)) {
            let message = format!("`{name}` must not hold control characters or line breaks");
            return Err(ApiError::invalid_value(name, message));
        }
        Ok(line)
    }

    /// One of an enumeration's words.
    pub(crate) fn word<T>(&self, name: &'static str) -> Result<Option<T>, ApiError>
    where
        T: FromStr<Err = UnknownWord>,
    {
        self.text(name, MAX_WORD_CHARS)?.map(|text| values::word(name, text)).transpose()
    }

    /// The id of something.
    pub(crate) fn id<I>(&self, name: &'static str) -> Result<Option<I>, ApiError>
    where
        I: TypedId + FromStr<Err = ParseIdError>,
    {
        self.text(name, MAX_WORD_CHARS)?.map(|text| values::id(name, text)).transpose()
    }

    /// What may be taken away: `Some(None)` if the field is there and `null`, else as `read` reads it.
    pub(crate) fn or_null<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&Self, &'static str) -> Result<Option<T>, ApiError>,
    ) -> Result<Option<Option<T>>, ApiError> {
        if self.0.get(name).is_some_and(Value::is_null) {
            return Ok(Some(None));
        }
        Ok(read(self, name)?.map(Some))
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&self, name: &'static str) -> Result<Option<bool>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| {
            ApiError::bad_request("invalid_type", format!("`{name}` must be true or false")).param(name)
        })
    }

    /// A whole number within a range.
    pub(crate) fn integer<T>(
        &self,
        name: &'static str,
        range: RangeInclusive<T>,
    ) -> Result<Option<T>, ApiError>
    where
        T: TryFrom<u64> + PartialOrd + Display,
    {
        let Some(value) = self.get(name) else { return Ok(None) };
        let (min, max) = (range.start(), range.end());
        let message = format!("`{name}` must be a whole number from {min} to {max}");
        if !value.is_number() {
            return Err(ApiError::bad_request("invalid_type", message).param(name));
        }
        let number = value.as_u64().and_then(|number| T::try_from(number).ok());
        match number.filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(ApiError::invalid_value(name, message)),
        }
    }

    /// A list of 1 to `max_items` texts of 1 to `max_chars` characters each.
    pub(crate) fn texts(
        &self,
        name: &'static str,
        max_items: usize,
        max_chars: usize,
    ) -> Result<Option<Vec<&str>>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let items = value.as_array().ok_or_else(|| {
            ApiError::bad_request("invalid_type", format!("`{name}` must be a list of strings")).param(name)
        })?;
        if items.is_empty() {
            let message = format!("`{name}` must name at least one");
            return Err(ApiError::bad_request("empty_array", message).param(name));
        }
        if items.len() > max_items {
            let message = format!("`{name}` names {}, more than the {max_items} allowed", items.len());
            return Err(ApiError::bad_request("array_above_max_length", message).param(name));
        }
        items.iter().map(|item| text(item, name, max_chars)).collect::<Result<_, _>>().map(Some)
    }
}

fn check_known<'a>(
    mut names: impl Iterator<Item = &'a String>,
    known: &[&'static str],
) -> Result<(), ApiError> {
    let unknown = names.find(|name| !known.contains(&name.as_str()));
    unknown.map_or(Ok(()), |name| Err(unknown_parameter(name, known)))
}

/// The value of a field that must be there.
pub(crate) fn required<T>(name: &'static str, value: Option<T>) -> Result<T, ApiError> {
    value.ok_or_else(|| {
        ApiError::bad_request("missing_required_parameter", format!("`{name}` is missing")).param(name)
    })
}

/// A parameter that nobody reads is a mistake, most likely in its name.
pub(crate) fn unknown_parameter(name: &str, known: &[&'static str]) -> ApiError {
    let meant = did_you_mean(name, known.iter().copied());
    let name = shown(name);
    let message = format!("there is no parameter `{name}` here{meant}");
    ApiError::bad_request("unknown_parameter", message).param(name)
}

/// What is given twice can be meant in two ways.
pub(crate) fn repeated_parameter(name: &str) -> ApiError {
    let name = shown(name);
    let message = format!("`{name}` is given more than once");
    ApiError::bad_request("repeated_parameter", message).param(name)
}

fn text<'v>(value: &'v Value, name: &'static str, max_chars: usize) -> Result<&'v str, ApiError> {
    let wrong = |code, message: String| Err(ApiError::bad_request(code, message).param(name));
    match value.as_str() {
        None => wrong("invalid_type", format!("`{name}` must be a string")),
        Some("") => wrong("string_below_min_length", format!("`{name}` must not be empty")),
        Some(text) if text.chars().nth(max_chars).is_some() => wrong(
            "string_above_max_length",
            format!("`{name}` is longer than the {max_chars} characters allowed"),
        ),
        Some(text) => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 3] = ["name", "event_types", "timeout_secs"];

    fn fields(body: &str) -> Result<Fields, ApiError> {
        JsonBody(Bytes::copy_from_slice(body.as_bytes())).fields(&KNOWN)
    }

    fn code<T>(result: Result<T, ApiError>) -> &'static str {
        result.err().map_or("ok", |error| error.code())
    }

    #[test]
    fn a_body_is_an_object_of_known_fields_or_nothing() {
        for (body, expected) in [
            ("", "ok"),
            ("{}", "ok"),
            (r#"{"name":"x"}"#, "ok"),
            ("[]", "invalid_json"),
            ("{", "invalid_json"),
            (r#"{"nmae":"x"}"#, "unknown_parameter"),
            (r#"{"name":"x","name":"x"}"#, "repeated_parameter"),
            (r#"{"name":{"x":1,"x":1}}"#, "repeated_parameter"),
        ] {
            assert_eq!(code(fields(body)), expected, "{body}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(code(fields(&deep)), "invalid_json");
    }

    #[test]
    fn texts() {
        for (value, expected) in [
            (r#""x""#, "ok"),
            ("null", "ok"),
            (r#""éé""#, "ok"),
            ("7", "invalid_type"),
            (r#""""#, "string_below_min_length"),
            (r#""abc""#, "string_above_max_length"),
            (r#""\n""#, "invalid_value"),
            (r#""\u0000""#, "invalid_value"),
        ] {
            let fields = fields(&format!(r#"{{"name":{value}}}"#)).unwrap();
            assert_eq!(code(fields.line("name", 2)), expected, "{value}");
        }
        assert_eq!(code(required("name", fields("{}").unwrap().text("name", 2).unwrap())), {
            "missing_required_parameter"
        });
    }

    #[test]
    fn numbers_and_lists() {
        for (value, expected) in [
            ("1", "ok"),
            ("60", "ok"),
            ("0", "invalid_value"),
            ("61", "invalid_value"),
            ("-1", "invalid_value"),
            ("1e99", "invalid_value"),
            ("1.5", "invalid_value"),
            (r#""5""#, "invalid_type"),
        ] {
            let fields = fields(&format!(r#"{{"timeout_secs":{value}}}"#)).unwrap();
            assert_eq!(code(fields.integer("timeout_secs", 1..=60)), expected, "{value}");
        }
        for (value, expected) in [
            (r#"["a"]"#, "ok"),
            ("[]", "empty_array"),
            (r#"["a","b","c"]"#, "array_above_max_length"),
            (r#""a""#, "invalid_type"),
            ("[1]", "invalid_type"),
            (r#"["abc"]"#, "string_above_max_length"),
        ] {
            let fields = fields(&format!(r#"{{"event_types":{value}}}"#)).unwrap();
            assert_eq!(code(fields.texts("event_types", 2, 2)), expected, "{value}");
        }
    }
}
