//! A sample of every type: what a test call carries.

use serde::Serialize;
use serde_json::Map;

use super::{CatalogueEntry, find};
use crate::{
    data::{
        ActionRequired, AgentSession, AgentSessionCreated, BlockedIdentifier, DataShape, EventData, LiveCall,
        LiveSip, LiveWebRtc, ObjectRef, RealtimeCall, RequiredAction, SipHeader,
    },
    time::UnixSeconds,
};

/// The envelope in the key order of OpenAI's examples.
#[derive(Serialize)]
struct Envelope<'a> {
    object: &'static str,
    id: &'a str,
    r#type: &'static str,
    created_at: UnixSeconds,
    data: EventData,
}

/// The body of a sample event: compact JSON with the keys object, id, type, `created_at`, data, in this
/// order.
///
/// The type is written in OpenAI's spelling, the object it is about is made up (`resp_sample` and the like).
/// `None` for a type that is not in the catalogue.
///
/// ```
/// use ringback_webhook::{UnixSeconds, catalogue};
///
/// let created_at = UnixSeconds(1_750_287_018);
/// let body = catalogue::sample("batch.completed", "evt_1", created_at).expect("a known type");
/// assert_eq!(
///     body,
///     br#"{"object":"event","id":"evt_1","type":"batch.completed","created_at":1750287018,"data":{"id":"batch_sample"}}"#,
/// );
/// ```
#[must_use]
pub fn sample(name: &str, event_id: &str, created_at: UnixSeconds) -> Option<Vec<u8>> {
    let envelope = envelope(find(name)?, event_id, created_at);
    Some(serde_json::to_vec(&envelope).expect("texts and integers are always JSON"))
}

/// The sample before it is written.
pub(super) fn envelope<'a>(
    entry: &CatalogueEntry,
    id: &'a str,
    created_at: UnixSeconds,
) -> impl Serialize + use<'a> {
    Envelope { object: "event", id, r#type: entry.name, created_at, data: sample_data(entry) }
}

fn sample_data(entry: &CatalogueEntry) -> EventData {
    let id = entry.sample_object_id.to_owned();
    let extra = Map::new();
    match entry.shape {
        DataShape::Object => EventData::Object(ObjectRef { id, extra }),
        DataShape::RealtimeCall => EventData::RealtimeCall(RealtimeCall {
            call_id: id,
            sip_headers: sip_headers(),
            sip_media_security: Some("srtp".to_owned()),
            extra,
        }),
        DataShape::AgentSession => EventData::AgentSession(AgentSession {
            id,
            environment_type: "openai_hosted".to_owned(),
            environment_id: Some("env_sample".to_owned()),
            extra,
        }),
        DataShape::AgentSessionCreated => EventData::AgentSessionCreated(AgentSessionCreated {
            id,
            environment_type: "none".to_owned(),
            environment_id: None,
            connect: None,
            extra,
        }),
        DataShape::ActionRequired => EventData::ActionRequired(ActionRequired {
            id,
            required_action: RequiredAction { action_type: "function_call".to_owned(), extra: Map::new() },
            extra,
        }),
        DataShape::LiveSip => EventData::LiveSip(LiveSip {
            session_id: id,
            transport: "sip".to_owned(),
            sip_headers: sip_headers(),
            sip_media_security: Some("srtp".to_owned()),
            extra,
        }),
        DataShape::LiveWebRtc => {
            EventData::LiveWebRtc(LiveWebRtc { session_id: id, transport: "webrtc".to_owned(), extra })
        }
        DataShape::LiveCall => EventData::LiveCall(LiveCall {
            session_id: id,
            sip_headers: sip_headers(),
            sip_media_security: None,
            extra,
        }),
        DataShape::BlockedIdentifier => EventData::BlockedIdentifier(BlockedIdentifier {
            safety_identifier: id,
            safety_category: "sample".to_owned(),
            model: None,
            project_id: None,
            request_id: None,
            extra,
        }),
    }
}

fn sip_headers() -> Vec<SipHeader> {
    [("From", "sip:+15550100@sip.example.com"), ("To", "sip:+15550199@sip.example.com")]
        .map(|(name, value)| SipHeader { name: name.to_owned(), value: value.to_owned(), extra: Map::new() })
        .into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::sample;
    use crate::{EnvelopeHead, Event, UnixSeconds, catalogue, data::EventData};

    const CREATED: UnixSeconds = UnixSeconds(1_750_287_018);

    #[test]
    fn every_sample_is_read_into_its_typed_data_and_back() {
        for entry in catalogue::entries() {
            let body = sample(entry.name, "evt_1", CREATED).unwrap();
            let event = Event::parse(&body).unwrap();
            let typed = event.typed_data().unwrap();
            assert!(!matches!(typed, EventData::Unknown(_)), "{}", entry.name);
            assert_eq!(
                serde_json::to_value(&typed).unwrap(),
                Value::Object(event.data.clone()),
                "{}",
                entry.name
            );
            assert_eq!((event.event_type.as_str(), event.created_at), (entry.name, Some(CREATED)));
            assert_eq!((event.object.as_deref(), event.id.as_deref()), (Some("event"), Some("evt_1")));
            assert_eq!(event.extra, Map::new());
        }
    }

    #[test]
    fn every_sample_has_an_object_id_except_the_one_about_a_person() {
        for entry in catalogue::entries() {
            let body = sample(entry.name, "evt_1", CREATED).unwrap();
            let object_id = EnvelopeHead::parse(&body).unwrap().object_id.map(std::borrow::Cow::into_owned);
            let expected = (entry.name != "safety_identifier.blocked").then_some(entry.sample_object_id);
            assert_eq!(object_id.as_deref(), expected, "{}", entry.name);
        }
    }

    #[test]
    fn ids_are_escaped_and_the_eval_spelling_is_openai_s() {
        let body = sample("eval.run.cancelled", "a\"b", CREATED).unwrap();
        let event = Event::parse(&body).unwrap();
        assert_eq!((event.event_type.as_str(), event.id.as_deref()), ("eval.run.canceled", Some("a\"b")));
        assert_eq!(sample("galaxy.exploded", "evt_1", CREATED), None);
    }
}
