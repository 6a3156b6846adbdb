//! From the JSON map to the structs, field by field.
//!
//! By hand and not by derive, so that an error can name the field: a derived one quotes the value, and values
//! of events do not belong in logs.

use serde_json::{Map, Value};

use super::{
    ActionRequired, AgentSession, AgentSessionCreated, BlockedIdentifier, Connect, DataShape, EventData,
    LiveCall, LiveSip, LiveWebRtc, ObjectRef, RealtimeCall, RequiredAction, SipHeader,
};

type Fields = Map<String, Value>;

/// A field that does not fit; of which type of event, the caller knows.
pub(super) struct Fault {
    pub(super) field: &'static str,
    pub(super) expected: &'static str,
}

/// Reads `data` by `shape`.
pub(super) fn shaped(shape: DataShape, mut data: Fields) -> Result<EventData, Fault> {
    let fields = &mut data;
    Ok(match shape {
        DataShape::Object => EventData::Object(ObjectRef { id: text(fields, "id")?, extra: data }),
        DataShape::RealtimeCall => EventData::RealtimeCall(RealtimeCall {
            call_id: text(fields, "call_id")?,
            sip_headers: sip_headers(fields)?,
            sip_media_security: optional_text(fields, "sip_media_security")?,
            extra: data,
        }),
        DataShape::AgentSession => EventData::AgentSession(AgentSession {
            id: text(fields, "id")?,
            environment_type: text(fields, "environment_type")?,
            environment_id: optional_text(fields, "environment_id")?,
            extra: data,
        }),
        DataShape::AgentSessionCreated => EventData::AgentSessionCreated(AgentSessionCreated {
            id: text(fields, "id")?,
            environment_type: text(fields, "environment_type")?,
            environment_id: optional_text(fields, "environment_id")?,
            connect: connect(fields)?,
            extra: data,
        }),
        DataShape::ActionRequired => EventData::ActionRequired(ActionRequired {
            id: text(fields, "id")?,
            required_action: required_action(fields)?,
            extra: data,
        }),
        DataShape::LiveSip => EventData::LiveSip(LiveSip {
            session_id: text(fields, "session_id")?,
            transport: text(fields, "type")?,
            sip_headers: sip_headers(fields)?,
            sip_media_security: optional_text(fields, "sip_media_security")?,
            extra: data,
        }),
        DataShape::LiveWebRtc => EventData::LiveWebRtc(LiveWebRtc {
            session_id: text(fields, "session_id")?,
            transport: text(fields, "type")?,
            extra: data,
        }),
        DataShape::LiveCall => EventData::LiveCall(LiveCall {
            session_id: text(fields, "session_id")?,
            sip_headers: sip_headers(fields)?,
            sip_media_security: optional_text(fields, "sip_media_security")?,
            extra: data,
        }),
        DataShape::BlockedIdentifier => EventData::BlockedIdentifier(BlockedIdentifier {
            safety_identifier: text(fields, "safety_identifier")?,
            safety_category: text(fields, "safety_category")?,
            model: optional_text(fields, "model")?,
            project_id: optional_text(fields, "project_id")?,
            request_id: optional_text(fields, "request_id")?,
            extra: data,
        }),
    })
}

fn connect(fields: &mut Fields) -> Result<Option<Connect>, Fault> {
    match fields.remove("connect") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(mut inner)) => {
            Ok(Some(Connect { remote_url: text(&mut inner, "remote_url")?, extra: inner }))
        }
        Some(_) => Err(lacks("connect", "an object")),
    }
}

fn required_action(fields: &mut Fields) -> Result<RequiredAction, Fault> {
    let Some(Value::Object(mut inner)) = fields.remove("required_action") else {
        return Err(lacks("required_action", "an object"));
    };
    Ok(RequiredAction { action_type: text(&mut inner, "type")?, extra: inner })
}

fn sip_headers(fields: &mut Fields) -> Result<Vec<SipHeader>, Fault> {
    let Some(Value::Array(items)) = fields.remove("sip_headers") else {
        return Err(lacks("sip_headers", "a list of objects"));
    };
    items.into_iter().map(sip_header).collect()
}

fn sip_header(item: Value) -> Result<SipHeader, Fault> {
    let Value::Object(mut inner) = item else {
        return Err(lacks("sip_headers", "a list of objects"));
    };
    Ok(SipHeader { name: text(&mut inner, "name")?, value: text(&mut inner, "value")?, extra: inner })
}

fn text(fields: &mut Fields, name: &'static str) -> Result<String, Fault> {
    optional_text(fields, name)?.ok_or(lacks(name, "a string"))
}

fn optional_text(fields: &mut Fields, name: &'static str) -> Result<Option<String>, Fault> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(lacks(name, "a string")),
    }
}

fn lacks(field: &'static str, expected: &'static str) -> Fault {
    Fault { field, expected }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::data::{DataError, EventData};

    fn read(event_type: &str, data: Value) -> Result<EventData, DataError> {
        let Value::Object(data) = data else { panic!("data is an object") };
        EventData::read(event_type, data)
    }

    #[test]
    fn unknown_fields_are_kept_and_written_back() {
        for (event_type, data) in [
            ("response.completed", json!({"id": "resp_1", "new": {"a": [1]}})),
            (
                "agent.session.created",
                json!({"id": "s", "environment_type": "x", "connect": {"remote_url": "u", "n": 1}}),
            ),
            (
                "agent.session.action_required",
                json!({"id": "s", "required_action": {"type": "new", "call": {"id": 1}}}),
            ),
            (
                "live.call.incoming",
                json!({"session_id": "l", "sip_headers": [{"name": "a", "value": "b", "n": 1}]}),
            ),
        ] {
            let typed = read(event_type, data.clone()).unwrap();
            assert_eq!(serde_json::to_value(&typed).unwrap(), data, "{event_type}");
        }
    }

    #[test]
    fn null_for_an_optional_field_is_absent() {
        let data = json!({"id": "s", "environment_type": "none", "environment_id": null});
        let Ok(EventData::AgentSession(session)) = read("agent.session.idle", data) else {
            panic!("a session")
        };
        assert_eq!(session.environment_id, None);
    }

    #[test]
    fn a_fault_is_named_without_the_value() {
        for (event_type, data, field) in [
            ("batch.failed", json!({}), "id"),
            ("batch.failed", json!({"id": null}), "id"),
            ("batch.failed", json!({"id": ["SENTINEL"]}), "id"),
            ("realtime.call.incoming", json!({"call_id": "c"}), "sip_headers"),
            ("realtime.call.incoming", json!({"call_id": "c", "sip_headers": ["SENTINEL"]}), "sip_headers"),
            (
                "realtime.call.incoming",
                json!({"call_id": "c", "sip_headers": [{"name": "SENTINEL"}]}),
                "value",
            ),
            (
                "agent.session.created",
                json!({"id": "s", "environment_type": "n", "connect": "SENTINEL"}),
                "connect",
            ),
            ("agent.session.action_required", json!({"id": "s", "required_action": []}), "required_action"),
            ("live.transport.connected", json!({"session_id": "l"}), "type"),
            (
                "safety_identifier.blocked",
                json!({"safety_identifier": "u", "safety_category": "c", "model": 1}),
                "model",
            ),
        ] {
            let fault = read(event_type, data).unwrap_err();
            assert_eq!((fault.event_type, fault.field), (event_type, field));
            assert!(!format!("{fault} {fault:?}").contains("SENTINEL"));
        }
    }

    #[test]
    fn both_spellings_of_the_eval_type_have_its_shape() {
        for event_type in ["eval.run.canceled", "eval.run.cancelled"] {
            assert!(matches!(read(event_type, json!({"id": "evalrun_1"})), Ok(EventData::Object(_))));
        }
    }
}
