//! The table itself. Names, shapes and what can be subscribed are those of OpenAI's API reference and
//! official SDKs of November 2026. `video.*` has no published schema; its shape is that of its siblings.

use super::{CatalogueEntry, Category};
use crate::data::DataShape;

pub(super) static ENTRIES: [CatalogueEntry; 34] = [
    entry(
        "response.completed",
        Category::Response,
        DataShape::Object,
        "resp_sample",
        "A background response finished.",
    ),
    entry(
        "response.failed",
        Category::Response,
        DataShape::Object,
        "resp_sample",
        "A background response failed.",
    ),
    entry(
        "response.incomplete",
        Category::Response,
        DataShape::Object,
        "resp_sample",
        "A background response stopped early, for instance at its token limit.",
    ),
    entry(
        "response.cancelled",
        Category::Response,
        DataShape::Object,
        "resp_sample",
        "A background response was cancelled.",
    ),
    entry(
        "batch.completed",
        Category::Batch,
        DataShape::Object,
        "batch_sample",
        "A batch ended and its output is ready; single requests in it may have failed.",
    ),
    entry(
        "batch.failed",
        Category::Batch,
        DataShape::Object,
        "batch_sample",
        "A batch was refused because its input is not valid.",
    ),
    entry(
        "batch.expired",
        Category::Batch,
        DataShape::Object,
        "batch_sample",
        "A batch reached the end of its completion window unfinished.",
    ),
    entry(
        "batch.cancelled",
        Category::Batch,
        DataShape::Object,
        "batch_sample",
        "A batch was cancelled; its output may be partial.",
    ),
    entry(
        "fine_tuning.job.succeeded",
        Category::FineTuning,
        DataShape::Object,
        "ftjob-sample",
        "A fine-tuning job produced its model.",
    ),
    entry(
        "fine_tuning.job.failed",
        Category::FineTuning,
        DataShape::Object,
        "ftjob-sample",
        "A fine-tuning job failed.",
    ),
    entry(
        "fine_tuning.job.cancelled",
        Category::FineTuning,
        DataShape::Object,
        "ftjob-sample",
        "A fine-tuning job was cancelled.",
    ),
    entry(
        "eval.run.succeeded",
        Category::Eval,
        DataShape::Object,
        "evalrun_sample",
        "An eval run finished; the run itself has the status `completed`.",
    ),
    entry("eval.run.failed", Category::Eval, DataShape::Object, "evalrun_sample", "An eval run failed."),
    entry(
        "eval.run.canceled",
        Category::Eval,
        DataShape::Object,
        "evalrun_sample",
        "An eval run was cancelled.",
    ),
    entry(
        "realtime.call.incoming",
        Category::Realtime,
        DataShape::RealtimeCall,
        "rtc_sample",
        "A SIP call waits to be accepted by the Realtime API.",
    )
    .fast_ageing(),
    entry("video.completed", Category::Video, DataShape::Object, "video_sample", "A video was generated."),
    entry("video.failed", Category::Video, DataShape::Object, "video_sample", "Generating a video failed."),
    entry(
        "agent.environment.ready",
        Category::Agent,
        DataShape::Object,
        "env_sample",
        "An agent environment is ready for use.",
    ),
    entry(
        "agent.environment.failed",
        Category::Agent,
        DataShape::Object,
        "env_sample",
        "An agent environment failed.",
    ),
    entry(
        "agent.environment.suspended",
        Category::Agent,
        DataShape::Object,
        "env_sample",
        "An agent environment was suspended.",
    ),
    entry(
        "agent.environment.expired",
        Category::Agent,
        DataShape::Object,
        "env_sample",
        "An agent environment expired.",
    ),
    entry(
        "agent.session.created",
        Category::Agent,
        DataShape::AgentSessionCreated,
        "sess_sample",
        "An agent session was created.",
    ),
    entry(
        "agent.session.in_progress",
        Category::Agent,
        DataShape::AgentSession,
        "sess_sample",
        "An agent session is working.",
    ),
    entry(
        "agent.session.idle",
        Category::Agent,
        DataShape::AgentSession,
        "sess_sample",
        "An agent session has nothing to do.",
    ),
    entry(
        "agent.session.failed",
        Category::Agent,
        DataShape::AgentSession,
        "sess_sample",
        "An agent session failed.",
    ),
    entry(
        "agent.session.action_required",
        Category::Agent,
        DataShape::ActionRequired,
        "sess_sample",
        "An agent session waits for an action, such as the result of a function call.",
    ),
    entry(
        "safety.alert.created",
        Category::Safety,
        DataShape::Object,
        "alert_sample",
        "A safety alert was raised for the project.",
    ),
    entry(
        "safety.org_alert.created",
        Category::Safety,
        DataShape::Object,
        "alert_sample",
        "A safety alert was raised for the whole organization (enterprise workspaces).",
    )
    .not_subscribable(),
    entry(
        "safety.warning_issued",
        Category::Safety,
        DataShape::Object,
        "C-SAMPLE",
        "A safety case led to a warning for the organization.",
    )
    .not_subscribable(),
    entry(
        "safety.deactivation_issued",
        Category::Safety,
        DataShape::Object,
        "C-SAMPLE",
        "A safety case led to a deactivation in the organization.",
    )
    .not_subscribable(),
    entry(
        "live.transport.incoming",
        Category::Live,
        DataShape::LiveSip,
        "live_sample",
        "A SIP call waits to be accepted into a live session.",
    )
    .fast_ageing()
    .not_subscribable(),
    entry(
        "live.transport.connected",
        Category::Live,
        DataShape::LiveWebRtc,
        "live_sample",
        "A live session was connected over WebRTC.",
    )
    .fast_ageing()
    .not_subscribable(),
    entry(
        "live.call.incoming",
        Category::Live,
        DataShape::LiveCall,
        "live_sample",
        "A call waits to be accepted into a live session; the older form of `live.transport.incoming`.",
    )
    .fast_ageing()
    .not_subscribable()
    .deprecated(),
    entry(
        "safety_identifier.blocked",
        Category::Safety,
        DataShape::BlockedIdentifier,
        "user_sample",
        "An end user's safety identifier was blocked.",
    )
    .not_subscribable(),
];

const fn entry(
    name: &'static str,
    category: Category,
    shape: DataShape,
    sample_object_id: &'static str,
    description: &'static str,
) -> CatalogueEntry {
    CatalogueEntry {
        name,
        category,
        description,
        subscribable: true,
        deprecated: false,
        fast_ageing: false,
        shape,
        sample_object_id,
    }
}

impl CatalogueEntry {
    const fn not_subscribable(mut self) -> Self {
        self.subscribable = false;
        self
    }

    const fn fast_ageing(mut self) -> Self {
        self.fast_ageing = true;
        self
    }

    const fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }
}
