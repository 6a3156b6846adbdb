//! The structs of `data`, as OpenAI's API reference and SDKs describe them.
//!
//! In each, `extra` keeps the fields that this version does not know, and serialising writes them back.

use serde::Serialize;
use serde_json::{Map, Value};

/// The id of an object that changed state; the object itself is fetched from the API.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ObjectRef {
    /// Such as `resp_…`, `batch_…`, `ftjob-…`, `evalrun_…`, `video_…`.
    pub id: String,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A SIP call that waits to be accepted by the Realtime API.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RealtimeCall {
    /// `rtc_…`
    pub call_id: String,
    /// The headers of the SIP INVITE.
    pub sip_headers: Vec<SipHeader>,
    /// `rtp`, `srtp` or another text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sip_media_security: Option<String>,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// One header of a SIP INVITE.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SipHeader {
    /// Its name, such as `From`.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// An agent session that changed state.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgentSession {
    /// The session.
    pub id: String,
    /// `none`, `openai_hosted`, `self_hosted` or another text.
    pub environment_type: String,
    /// The environment it runs in, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment_id: Option<String>,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A new agent session.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgentSessionCreated {
    /// The session.
    pub id: String,
    /// `none`, `openai_hosted`, `self_hosted` or another text.
    pub environment_type: String,
    /// The environment it runs in, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment_id: Option<String>,
    /// How the environment connects, if it must.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect: Option<Connect>,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Where the environment of a session connects to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Connect {
    /// The address to connect to.
    pub remote_url: String,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// An agent session that waits for something to be done.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ActionRequired {
    /// The session.
    pub id: String,
    /// What it waits for.
    pub required_action: RequiredAction,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// What an agent session waits for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RequiredAction {
    /// `function_call`, `environment_connection`, `computer_use_approval_request`, `mcp_approval_request` or
    /// another text.
    #[serde(rename = "type")]
    pub action_type: String,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A live session that waits to be accepted, over SIP.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LiveSip {
    /// `live_…`
    pub session_id: String,
    /// `sip`
    #[serde(rename = "type")]
    pub transport: String,
    /// The headers of the SIP INVITE.
    pub sip_headers: Vec<SipHeader>,
    /// `rtp`, `srtp` or another text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sip_media_security: Option<String>,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A live session that was connected, over WebRTC.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LiveWebRtc {
    /// `live_…`
    pub session_id: String,
    /// `webrtc`
    #[serde(rename = "type")]
    pub transport: String,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A call to a live session, in the older form of [`LiveSip`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LiveCall {
    /// `live_…`
    pub session_id: String,
    /// The headers of the SIP INVITE.
    pub sip_headers: Vec<SipHeader>,
    /// `rtp`, `srtp` or another text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sip_media_security: Option<String>,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// An end user whose requests are blocked from now on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BlockedIdentifier {
    /// The `safety_identifier` that the application sent with its requests.
    pub safety_identifier: String,
    /// Why, as a category.
    pub safety_category: String,
    /// The model that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The project that asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project_id: Option<String>,
    /// The request that led to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}
