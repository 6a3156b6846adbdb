//! From the type of an event to the path of the object: one table. Paths are those of OpenAI's official SDKs
//! of November 2026.

use std::fmt;

use http::Method;

/// Where the id goes in a path.
pub(super) const ID: &str = "{id}";

/// A kind of object that events are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ObjectKind {
    /// A background response.
    Response,
    /// A batch.
    Batch,
    /// A fine-tuning job.
    FineTuningJob,
    /// A run of an eval.
    EvalRun,
    /// A SIP call to the Realtime API.
    RealtimeCall,
    /// A generated video.
    Video,
    /// The environment of an agent.
    AgentEnvironment,
    /// A session of an agent.
    AgentSession,
    /// A safety alert, of a project or of an organization.
    SafetyAlert,
    /// A safety case of an organization.
    SafetyCase,
    /// A live session.
    LiveSession,
    /// An end user, by the identifier that the application sends with requests.
    SafetyIdentifier,
}

impl ObjectKind {
    /// A stable name, in `snake_case`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::Batch => "batch",
            Self::FineTuningJob => "fine_tuning_job",
            Self::EvalRun => "eval_run",
            Self::RealtimeCall => "realtime_call",
            Self::Video => "video",
            Self::AgentEnvironment => "agent_environment",
            Self::AgentSession => "agent_session",
            Self::SafetyAlert => "safety_alert",
            Self::SafetyCase => "safety_case",
            Self::LiveSession => "live_session",
            Self::SafetyIdentifier => "safety_identifier",
        }
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the types that begin alike are about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// What the type begins with; the first route that fits counts.
    prefix: &'static str,
    pub(super) kind: ObjectKind,
    /// Where in `data` the id is.
    pub(super) id_field: &'static str,
    next: Next,
}

#[derive(Debug, PartialEq, Eq)]
enum Next {
    Get(&'static str),
    Post(&'static str),
    Nothing,
}

impl Route {
    pub(crate) fn of(event_type: &str) -> Option<&'static Self> {
        ROUTES.iter().find(|route| event_type.starts_with(route.prefix))
    }

    pub(crate) fn kind(&self) -> ObjectKind {
        self.kind
    }

    /// The method and the path, with [`ID`] in the place of the id.
    pub(crate) fn call(&self) -> Option<(Method, &'static str)> {
        match self.next {
            Next::Get(path) => Some((Method::GET, path)),
            Next::Post(path) => Some((Method::POST, path)),
            Next::Nothing => None,
        }
    }
}

/// The name of the part of a path, other than the id, that is still in braces.
pub(super) fn missing_part(template: &'static str) -> Option<&'static str> {
    let mut names = template.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0));
    names.find(|name| *name != "id")
}

static ROUTES: [Route; 16] = [
    route("response.", ObjectKind::Response, "id", Next::Get("/v1/responses/{id}")),
    route("batch.", ObjectKind::Batch, "id", Next::Get("/v1/batches/{id}")),
    route("fine_tuning.job.", ObjectKind::FineTuningJob, "id", Next::Get("/v1/fine_tuning/jobs/{id}")),
    route("eval.run.", ObjectKind::EvalRun, "id", Next::Get("/v1/evals/{eval_id}/runs/{id}")),
    // Ringing: there is nothing to fetch, the call is to be accepted or rejected.
    route(
        "realtime.call.",
        ObjectKind::RealtimeCall,
        "call_id",
        Next::Post("/v1/realtime/calls/{id}/accept"),
    ),
    route("video.", ObjectKind::Video, "id", Next::Get("/v1/videos/{id}")),
    route(
        "agent.environment.",
        ObjectKind::AgentEnvironment,
        "id",
        Next::Get("/v1/agents/environments/{id}"),
    ),
    route("agent.session.", ObjectKind::AgentSession, "id", Next::Get("/v1/agents/sessions/{id}")),
    route("safety.alert.", ObjectKind::SafetyAlert, "id", Next::Get("/v1/safety/alerts/{id}")),
    route("safety.org_alert.", ObjectKind::SafetyAlert, "id", Next::Get("/v1/safety/alerts/{id}")),
    route("safety.warning_issued", ObjectKind::SafetyCase, "id", Next::Get("/v1/safety/cases/{id}")),
    route("safety.deactivation_issued", ObjectKind::SafetyCase, "id", Next::Get("/v1/safety/cases/{id}")),
    route(
        "live.transport.connected",
        ObjectKind::LiveSession,
        "session_id",
        Next::Get("/v1/live/sessions/{id}/attach"),
    ),
    route(
        "live.transport.",
        ObjectKind::LiveSession,
        "session_id",
        Next::Post("/v1/live/sessions/{id}/accept"),
    ),
    route("live.call.", ObjectKind::LiveSession, "session_id", Next::Post("/v1/live/sessions/{id}/accept")),
    route("safety_identifier.", ObjectKind::SafetyIdentifier, "safety_identifier", Next::Nothing),
];

const fn route(prefix: &'static str, kind: ObjectKind, id_field: &'static str, next: Next) -> Route {
    Route { prefix, kind, id_field, next }
}
