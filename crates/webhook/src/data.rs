//! The typed `data` of events: one struct per shape, not per type, since most of the 34 types say only an id.
//!
//! Reading is tolerant where senders grow and strict where a program would otherwise go wrong: unknown fields
//! are kept in `extra`, `null` for an optional field counts as absent, texts with a set of known values stay
//! open texts; a required field must be there with its type.

mod error;
mod read;
mod shapes;

use serde::Serialize;
use serde_json::{Map, Value};

pub use self::{
    error::DataError,
    shapes::{
        ActionRequired, AgentSession, AgentSessionCreated, BlockedIdentifier, Connect, LiveCall, LiveSip,
        LiveWebRtc, ObjectRef, RealtimeCall, RequiredAction, SipHeader,
    },
};
use crate::catalogue;

/// Which struct of this module describes the `data` of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DataShape {
    /// [`ObjectRef`]
    Object,
    /// [`RealtimeCall`]
    RealtimeCall,
    /// [`AgentSession`]
    AgentSession,
    /// [`AgentSessionCreated`]
    AgentSessionCreated,
    /// [`ActionRequired`]
    ActionRequired,
    /// [`LiveSip`]
    LiveSip,
    /// [`LiveWebRtc`]
    LiveWebRtc,
    /// [`LiveCall`]
    LiveCall,
    /// [`BlockedIdentifier`]
    BlockedIdentifier,
}

/// The `data` of an event, read by the shape of its type. Serialising it gives the `data` back.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum EventData {
    /// `response.*`, `batch.*`, `fine_tuning.job.*`, `eval.run.*`, `video.*`, `agent.environment.*` and most
    /// of `safety.*`: the id of the object that changed.
    Object(ObjectRef),
    /// `realtime.call.incoming`
    RealtimeCall(RealtimeCall),
    /// `agent.session.in_progress`, `agent.session.idle`, `agent.session.failed`
    AgentSession(AgentSession),
    /// `agent.session.created`
    AgentSessionCreated(AgentSessionCreated),
    /// `agent.session.action_required`
    ActionRequired(ActionRequired),
    /// `live.transport.incoming`
    LiveSip(LiveSip),
    /// `live.transport.connected`
    LiveWebRtc(LiveWebRtc),
    /// `live.call.incoming`
    LiveCall(LiveCall),
    /// `safety_identifier.blocked`
    BlockedIdentifier(BlockedIdentifier),
    /// A type that is not in the catalogue: its data as it came.
    Unknown(Map<String, Value>),
}

impl EventData {
    /// Reads the `data` of an event of the type `event_type` (either spelling of the cancelled eval run).
    ///
    /// # Errors
    /// [`DataError`] if a field that the type's shape demands is missing or has the wrong type.
    pub fn read(event_type: &str, data: Map<String, Value>) -> Result<Self, DataError> {
        let Some(entry) = catalogue::find(event_type) else {
            return Ok(Self::Unknown(data));
        };
        read::shaped(entry.shape, data).map_err(|read::Fault { field, expected }| DataError {
            event_type: entry.name,
            field,
            expected,
        })
    }
}
