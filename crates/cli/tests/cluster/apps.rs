//! The apps that events go to: one plain, one slow, one that fails for a while, and one under each rule that
//! binds nodes together.

use std::time::Duration;

use ringback_testkit::{Gateway, Receiver, Reply};
use serde_json::json;

/// Of all that these apps get, each fourth event is of another type, which the one with a rate gets.
const RATED_TYPE: &str = "response.completed";
const USUAL_TYPE: &str = "batch.completed";
/// The time-out of every attempt. A lease lasts 30 s longer.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(2);
/// How long a lease lasts.
pub(crate) const LEASE: Duration = Duration::from_secs(32);
/// The rate of the app that has one, per second.
pub(crate) const RATE: usize = 12;
/// How many attempts the app with a concurrency lets run at once.
pub(crate) const AT_ONCE: usize = 2;
/// How long the slow app takes.
const SLOW: Duration = Duration::from_millis(300);
/// How long the app with a concurrency takes: long enough to be seen twice at once.
const NARROW: Duration = Duration::from_millis(20);

/// One app.
pub(crate) struct App {
    pub(crate) name: &'static str,
    pub(crate) receiver: Receiver,
    /// The types that it wants.
    types: &'static str,
}

impl App {
    async fn start(name: &'static str, types: &'static str) -> Self {
        Self { name, receiver: Receiver::start().await, types }
    }

    /// Whether it is to get this call.
    pub(crate) fn wants(&self, webhook_id: &str) -> bool {
        self.types == "*" || self.types == type_of(webhook_id)
    }
}

/// All of them.
pub(crate) struct Apps {
    pub(crate) plain: App,
    pub(crate) slow: App,
    pub(crate) flaky: App,
    pub(crate) narrow: App,
    pub(crate) ordered: App,
    pub(crate) rated: App,
}

impl Apps {
    /// Starts them, and makes an endpoint for each, whose name is the app's.
    pub(crate) async fn start(gateway: &Gateway) -> Self {
        let apps = Self {
            plain: App::start("plain", "*").await,
            slow: App::start("slow", "*").await,
            flaky: App::start("flaky", "*").await,
            narrow: App::start("narrow", USUAL_TYPE).await,
            ordered: App::start("ordered", USUAL_TYPE).await,
            rated: App::start("rated", RATED_TYPE).await,
        };
        apps.slow.receiver.always(Reply::status(200).after(SLOW));
        apps.narrow.receiver.always(Reply::status(200).after(NARROW));
        for app in apps.all() {
            let mut endpoint = json!({
                "name": app.name,
                "url": app.receiver.url(),
                "event_types": [app.types],
                "timeout_secs": TIMEOUT.as_secs(),
                // Soon, and for longer than anything here lasts.
                "retry_delays_secs": [1, 1, 2, 2, 3, 3, 5, 5, 5, 5, 10, 10, 10, 10, 30, 30, 30, 30, 60, 60, 60, 60],
            });
            match app.name {
                "narrow" => endpoint["max_concurrency"] = json!(AT_ONCE),
                "ordered" => endpoint["ordering"] = json!("object"),
                "rated" => endpoint["max_per_sec"] = json!(RATE),
                _ => {}
            }
            gateway.create_endpoint_from(endpoint).await;
        }
        apps
    }

    /// Each of them.
    pub(crate) fn all(&self) -> [&App; 6] {
        [&self.plain, &self.slow, &self.flaky, &self.narrow, &self.ordered, &self.rated]
    }

    /// The flaky one fails from now on, or no more.
    pub(crate) fn let_the_flaky_one_fail(&self, fails: bool) {
        self.flaky.receiver.always(Reply::status(if fails { 500 } else { 200 }));
    }
}

/// Which of a caller's calls this is, and whose: the two numbers at the end of its id.
pub(crate) fn caller_and_number(webhook_id: &str) -> (&str, usize) {
    let (rest, number) = webhook_id.rsplit_once('_').expect("an id of the load ends in a number");
    let (_, caller) = rest.rsplit_once('_').expect("before it stands the caller's");
    (caller, number.parse().expect("a number is one"))
}

pub(crate) fn type_of(webhook_id: &str) -> &'static str {
    if caller_and_number(webhook_id).1 % 4 == 3 { RATED_TYPE } else { USUAL_TYPE }
}

/// What a call says: each caller tells of an object of its own.
pub(crate) fn body(webhook_id: &str) -> String {
    let (caller, number) = caller_and_number(webhook_id);
    let event_type = type_of(webhook_id);
    format!(r#"{{"object":"event","type":"{event_type}","data":{{"id":"job_{caller}"}},"number":{number}}}"#)
}
