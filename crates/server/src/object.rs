//! Reading a JSON object in which each key stands once.
//!
//! JSON leaves open what a repeated key means (RFC 8259, section 4): most readers take the last, some the
//! first. So whoever wrote two cannot know which of them counts, and is told rather than taken at the word of
//! one.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::error::ApiError;
use crate::fields::repeated_parameter;

/// The keys of an object with their values, in their order, each key once. The values are as strict as `V`
/// is.
pub(crate) fn read<'a, V: Deserialize<'a>>(body: &'a [u8]) -> Result<Vec<(String, V)>, ApiError> {
    let Pairs(pairs) = serde_json::from_slice(body).map_err(|fault| not_an_object(&fault))?;
    let mut keys: Vec<&str> = pairs.iter().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    match keys.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(repeated_parameter(pair[0])),
        None => Ok(pairs),
    }
}

/// The fields of an object within which, too, no object has a key twice.
pub(crate) fn read_deep(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let fields = read::<Once>(body)?.into_iter().map(|(key, Once { value, repeated })| match repeated {
        Some(repeated) => Err(repeated_parameter(&format!("{key}.{repeated}"))),
        None => Ok((key, value)),
    });
    fields.collect()
}

/// The parser's message holds a position and what it expected there, nothing of the text.
fn not_an_object(fault: &serde_json::Error) -> ApiError {
    let message = match fault.is_data() {
        true => "the body is not a JSON object".to_owned(),
        false => format!("the body is not JSON: {fault}"),
    };
    ApiError::bad_request("invalid_json", message)
}

/// All that an object holds, also what stands in it more than once.
struct Pairs<V>(Vec<(String, V)>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Pairs<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor(PhantomData))
    }
}

struct PairsVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for PairsVisitor<V> {
    type Value = Pairs<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<V>, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}

/// A value, and the path of a key that an object within it has twice, if one has.
struct Once {
    value: Value,
    repeated: Option<String>,
}

impl<T: Into<Value>> From<T> for Once {
    fn from(value: T) -> Self {
        Self { value: value.into(), repeated: None }
    }
}

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OnceVisitor)
    }
}

struct OnceVisitor;

impl<'de> Visitor<'de> for OnceVisitor {
    type Value = Once;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Once, E> {
        Ok(Value::Null.into())
    }

    fn visit_bool<E>(self, value: bool) -> Result<Once, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Once, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Once, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Once, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number).into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Once, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Once, A::Error> {
        let (mut items, mut repeated) = (Vec::new(), None);
        while let Some(item) = seq.next_element::<Once>()? {
            repeated = repeated.or(item.repeated);
            items.push(item.value);
        }
        Ok(Once { value: Value::Array(items), repeated })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Once, A::Error> {
        let (mut fields, mut repeated) = (Map::new(), None);
        while let Some((key, field)) = map.next_entry::<String, Once>()? {
            repeated = repeated.or_else(|| field.repeated.map(|below| format!("{key}.{below}")));
            if fields.contains_key(&key) {
                repeated = repeated.or_else(|| Some(key.clone()));
            }
            fields.insert(key, field.value);
        }
        Ok(Once { value: Value::Object(fields), repeated })
    }
}

#[cfg(test)]
mod tests {
    use serde::de::IgnoredAny;
    use serde_json::json;

    use super::*;

    fn param(error: &ApiError) -> Value {
        let error: Value = serde_json::from_slice(&error.to_json("req_1")).unwrap();
        error["error"]["param"].clone()
    }

    #[test]
    fn every_kind_of_value_is_read_as_it_is() {
        let body =
            r#"{"a": [null, true, -1, 18446744073709551615, 1.5, "é\n", {"b": {}, "c": []}], "b": {"a": 1}}"#;
        let expected: Value = serde_json::from_str(body).unwrap();
        assert_eq!(Value::Object(read_deep(body.as_bytes()).unwrap()), expected);
    }

    #[test]
    fn a_repeated_key_is_named_wherever_it_stands() {
        for (body, named) in [
            (r#"{"a": 1, "b": 2, "a": 1}"#, "a"),
            (r#"{"a": 1, "\u0061": 2}"#, "a"),
            (r#"{"a": {"b": 1, "b": 2}}"#, "a.b"),
            (r#"{"a": {"c": [{"b": 1}, {"b": 1, "b": 2}]}}"#, "a.c.b"),
        ] {
            let error = read_deep(body.as_bytes()).unwrap_err();
            assert_eq!((error.code(), param(&error)), ("repeated_parameter", json!(named)), "{body}");
        }
        assert!(read_deep(br#"{"a": {"b": 1}, "b": [{"a": 1}, {"a": 1}]}"#).is_ok());
    }

    #[test]
    fn what_lies_deeper_is_left_to_whoever_reads_it() {
        let body = br#"{"a": {"b": 1, "b": 2}}"#;
        assert!(read::<Value>(body).is_ok());
        assert!(read::<IgnoredAny>(body).is_ok());
        let error = read::<IgnoredAny>(br#"{"a": 1, "a": 1}"#).err().unwrap();
        assert_eq!((error.code(), param(&error)), ("repeated_parameter", json!("a")));
    }

    #[test]
    fn what_is_no_object_is_not_read() {
        let deep = format!(r#"{{"a":{}"#, "[".repeat(100_000));
        for body in ["[]", "7", "{", r#"{"a":1} x"#, r#"{"a":1e999}"#, "", &deep] {
            assert_eq!(read_deep(body.as_bytes()).unwrap_err().code(), "invalid_json", "{body:.20}");
        }
    }
}
