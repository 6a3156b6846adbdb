//! A whole event, owned. Unknown types and unknown fields are kept, so that yesterday's program reads
//! tomorrow's event.
//!
//! Parsing and serialising keeps the values, not the bytes: key order, spacing, escapes and numbers beyond 64
//! bits may change. Never verify or sign a body that was serialised again; keep the bytes that came.

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

use crate::{
    data::{DataError, EventData},
    envelope::EnvelopeError,
    event_type,
    time::UnixSeconds,
};

/// An event in OpenAI's envelope.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct Event {
    /// `object`, always `event` when it is there; older senders leave it out.
    pub object: Option<String>,
    /// `id`, such as `evt_…`. It names the event at its source and is not the `webhook-id` of the call.
    pub id: Option<String>,
    /// `type`, well-formed but not necessarily known, in the spelling it came with.
    pub event_type: String,
    /// `created_at`: when the event happened, which is not when the call was made.
    pub created_at: Option<UnixSeconds>,
    /// `data` as it came; [`Event::typed_data`] reads it.
    pub data: Map<String, Value>,
    /// All other fields of the envelope.
    pub extra: Map<String, Value>,
}

impl Event {
    /// Reads a whole body. Of a repeated key the last one counts, and `null` for `object`, `id` or
    /// `created_at` counts as absent.
    ///
    /// # Errors
    /// [`EnvelopeError`]. [`EnvelopeError::NotJson`] also stands for nesting deeper than 128 levels and for a
    /// lone surrogate escape anywhere, neither of which an owned tree can hold.
    pub fn parse(body: &[u8]) -> Result<Self, EnvelopeError> {
        let text = std::str::from_utf8(body).map_err(|_| EnvelopeError::NotUtf8)?;
        match serde_json::from_str(text).map_err(|fault| EnvelopeError::not_json(&fault))? {
            Value::Object(fields) => Self::try_from(fields),
            _ => Err(EnvelopeError::NotAnObject),
        }
    }

    /// Reads `data` according to the catalogue's shape for this type; of an unknown type it is handed back as
    /// [`EventData::Unknown`].
    ///
    /// # Errors
    /// [`DataError`] if a field that the shape demands is missing or has the wrong type.
    pub fn typed_data(&self) -> Result<EventData, DataError> {
        EventData::read(&self.event_type, self.data.clone())
    }
}

impl TryFrom<Map<String, Value>> for Event {
    type Error = EnvelopeError;

    fn try_from(mut fields: Map<String, Value>) -> Result<Self, Self::Error> {
        let event_type = match fields.remove("type") {
            None => return Err(EnvelopeError::MissingType),
            Some(Value::String(name)) => name,
            Some(_) => return Err(EnvelopeError::TypeNotAString),
        };
        if !event_type::is_well_formed(&event_type) {
            return Err(EnvelopeError::MalformedType);
        }
        let data = match fields.remove("data") {
            None => return Err(EnvelopeError::MissingData),
            Some(Value::Object(data)) => data,
            Some(_) => return Err(EnvelopeError::MalformedField { name: "data" }),
        };
        Ok(Self {
            object: take_text(&mut fields, "object")?,
            id: take_text(&mut fields, "id")?,
            event_type,
            created_at: take_seconds(&mut fields, "created_at")?,
            data,
            extra: fields,
        })
    }
}

/// Writes the fields in the order of OpenAI's examples: object, id, type, `created_at`, data, then the
/// others.
impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(object) = &self.object {
            map.serialize_entry("object", object)?;
        }
        if let Some(id) = &self.id {
            map.serialize_entry("id", id)?;
        }
        map.serialize_entry("type", &self.event_type)?;
        if let Some(created_at) = self.created_at {
            map.serialize_entry("created_at", &created_at)?;
        }
        map.serialize_entry("data", &self.data)?;
        for (name, value) in &self.extra {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

fn take_text(fields: &mut Map<String, Value>, name: &'static str) -> Result<Option<String>, EnvelopeError> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(EnvelopeError::MalformedField { name }),
    }
}

fn take_seconds(
    fields: &mut Map<String, Value>,
    name: &'static str,
) -> Result<Option<UnixSeconds>, EnvelopeError> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            value.as_i64().map(|secs| Some(UnixSeconds(secs))).ok_or(EnvelopeError::MalformedField { name })
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{EnvelopeError, Event};
    use crate::{UnixSeconds, data::EventData};

    #[test]
    fn an_unknown_event_survives_whole() {
        let body = json!({
            "object": "event", "id": "evt_1", "type": "galaxy.exploded", "created_at": 1,
            "data": {"id": "g_1", "stars": [1, 2.5, null]}, "livemode": true, "trace": {"a": 1},
        });
        let event = Event::parse(body.to_string().as_bytes()).unwrap();
        assert_eq!(event.created_at, Some(UnixSeconds(1)));
        assert_eq!(event.extra.len(), 2);
        assert_eq!(event.typed_data(), Ok(EventData::Unknown(event.data.clone())));
        assert_eq!(serde_json::to_value(&event).unwrap(), body);
        assert_eq!(serde_json::from_value::<Event>(body).unwrap(), event);
    }

    #[test]
    fn absent_fields_stay_absent_and_the_order_is_openai_s() {
        let bare = r#"{"type":"batch.completed","data":{"id":"batch_1"}}"#;
        assert_eq!(serde_json::to_string(&Event::parse(bare.as_bytes()).unwrap()).unwrap(), bare);
        let shuffled =
            r#"{"data":{"id":"b"},"zone":1,"created_at":2,"type":"batch.failed","id":"e","object":"event"}"#;
        assert_eq!(
            serde_json::to_string(&Event::parse(shuffled.as_bytes()).unwrap()).unwrap(),
            r#"{"object":"event","id":"e","type":"batch.failed","created_at":2,"data":{"id":"b"},"zone":1}"#,
        );
    }

    #[test]
    fn null_is_absent() {
        let body = br#"{"object":null,"id":null,"created_at":null,"type":"a.b","data":{}}"#;
        let event = Event::parse(body).unwrap();
        assert_eq!((event.object, event.id, event.created_at), (None, None, None));
    }

    #[test]
    fn every_fault_has_its_name() {
        let with = |name: &str, value: Value| {
            let mut body = json!({"type": "a.b", "data": {}});
            body[name] = value;
            Event::parse(body.to_string().as_bytes()).unwrap_err()
        };
        for name in ["object", "id", "created_at", "data"] {
            assert_eq!(
                with(name, json!([1])).to_string(),
                format!("the `{name}` of the event has the wrong type")
            );
        }
        assert_eq!(with("created_at", json!(1.5)), EnvelopeError::MalformedField { name: "created_at" });
        assert_eq!(with("type", json!(null)), EnvelopeError::TypeNotAString);
        assert_eq!(with("type", json!("x")), EnvelopeError::MalformedType);
        assert_eq!(Event::parse(b"{\"data\":{}}"), Err(EnvelopeError::MissingType));
        assert_eq!(Event::parse(b"{\"type\":\"a.b\"}"), Err(EnvelopeError::MissingData));
        assert_eq!(Event::parse(b"[]"), Err(EnvelopeError::NotAnObject));
        assert_eq!(Event::parse(b"\xff"), Err(EnvelopeError::NotUtf8));
        assert_eq!(Event::parse(b"{").unwrap_err().code(), "not_json");
    }

    #[test]
    fn fractions_are_the_same_after_they_were_written() {
        for number in ["1e-28", "0.1", "5e-324", "1.7976931348623157e308", "123456789.123456789"] {
            let body = format!(r#"{{"type":"a.b","data":{{"x":{number}}}}}"#);
            let event = Event::parse(body.as_bytes()).unwrap();
            assert_eq!(event.data["x"].as_f64(), number.parse().ok(), "read exactly");
            let written = serde_json::to_vec(&event).unwrap();
            assert_eq!(Event::parse(&written).unwrap(), event, "{number}");
        }
    }

    #[test]
    fn too_deep_is_an_error_and_no_overflow() {
        let body = format!(r#"{{"type":"a.b","data":{{"x":{}{}}}}}"#, "[".repeat(50_000), "]".repeat(50_000));
        assert_eq!(Event::parse(body.as_bytes()).unwrap_err().code(), "not_json");
    }
}
