//! The API's client: how commands talk to a running server.

mod server;
mod wording;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use ringback_egress::{Client, ClientSettings, Policy, ResponseLimits, SendError};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::args::Global;
use crate::exit::CliError;
use crate::output;
use crate::serve;

/// Answers are read whole up to this size: an event with its payload, deliveries and attempts.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// A server and the key to it.
pub(crate) struct ApiClient {
    url: String,
    key: Zeroizing<String>,
    project: Option<String>,
    client: Client,
    runtime: tokio::runtime::Runtime,
}

/// An HTTP answer from wherever.
pub(crate) struct RawAnswer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

/// A no of the server.
pub(crate) struct ApiRefusal {
    status: u16,
    /// What was asked.
    path: String,
    /// What it said, for people.
    pub(crate) message: String,
    /// Which part of the request it is about, as in `events[3].data`.
    pub(crate) param: Option<String>,
    code: Option<String>,
}

impl ApiRefusal {
    /// In the words of the command line. What the person typed wrong is an error of theirs, like those found
    /// without a server.
    fn into_error(self) -> CliError {
        let Self { status, path, message, param, code } = self;
        let message = wording::as_typed(&message, param.as_deref(), &path);
        if status == 400 && param.is_some_and(|param| wording::is_typed(&param, &path)) {
            return CliError::Usage(message);
        }
        let hint = match code.as_deref() {
            Some("missing_api_key" | "invalid_api_key") => {
                "\n  set RINGBACK_API_KEY, or name the server's data folder with --data-dir"
            }
            _ => "",
        };
        let which = match code {
            // The status would seem to be the receiver's.
            Some(outcome) if status == 502 => outcome,
            Some(code) => format!("{status} {code}"),
            None => status.to_string(),
        };
        CliError::Refused { message: format!("{message} ({which}){hint}") }
    }
}

impl ApiClient {
    /// The server and key that the flags, the environment and the data folder say.
    pub(crate) fn new(global: &Global) -> Result<Self, CliError> {
        let url = server::url(global.server.as_deref())?;
        let project = global.project.clone();
        Ok(Self { key: server::key(global, &url)?, url, project, client: open_client(), runtime: runtime()? })
    }

    /// Calls the API and returns its JSON answer.
    pub(crate) fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, CliError> {
        let body = body.map_or_else(Bytes::new, |json| Bytes::from(json.to_string()));
        self.call_with(method, path, body, None)
    }

    /// The same, with a body as it is, and under an `Idempotency-Key`.
    pub(crate) fn call_with(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        idempotency_key: Option<&str>,
    ) -> Result<Value, CliError> {
        self.try_call(method, path, body, idempotency_key)?.map_err(ApiRefusal::into_error)
    }

    /// The same, with the server's no as a value of its own.
    pub(crate) fn try_call(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        idempotency_key: Option<&str>,
    ) -> Result<Result<Value, ApiRefusal>, CliError> {
        self.block_on(self.ask(method, path, body, idempotency_key))
    }

    /// Asks for something without holding up what else the command waits for.
    pub(crate) async fn fetch(&self, path: &str) -> Result<Value, CliError> {
        self.ask(Method::GET, path, Bytes::new(), None).await?.map_err(ApiRefusal::into_error)
    }

    /// Waits for something that makes calls of its own.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        idempotency_key: Option<&str>,
    ) -> Result<Result<Value, ApiRefusal>, CliError> {
        let answer = self.send(method, path, body, idempotency_key).await?;
        let json: Option<Value> = serde_json::from_slice(&answer.body).ok();
        if (200..300).contains(&answer.status) {
            return json.map(Ok).ok_or_else(|| CliError::Refused {
                message: format!(
                    "{} answered with something that is not JSON; is it a Ringback server?",
                    self.url
                ),
            });
        }
        let error = json.as_ref().map_or(&Value::Null, |json| &json["error"]);
        let said = error["message"].as_str();
        let message =
            said.map_or_else(|| format!("{} answered {}", self.url, answer.status), output::harmless);
        let text = |field: &str| error[field].as_str().map(str::to_owned);
        let (param, code) = (text("param"), text("code"));
        Ok(Err(ApiRefusal { status: answer.status, path: path.to_owned(), message, param, code }))
    }

    /// Calls the API and returns whatever it answers.
    pub(crate) fn raw(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<RawAnswer, CliError> {
        let body = body.map_or_else(Bytes::new, |json| Bytes::from(json.to_string()));
        self.block_on(self.send(method, path, body, None))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        idempotency_key: Option<&str>,
    ) -> Result<RawAnswer, CliError> {
        check_path(path)?;
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, format!("Ringback/{} (cli)", serve::VERSION))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key.as_str()));
        for (flag, name, value) in [
            ("--project", "openai-project", self.project.as_deref()),
            ("--idempotency-key", "idempotency-key", idempotency_key),
        ] {
            if let Some(value) = value {
                let value = HeaderValue::from_str(value).map_err(|_| {
                    CliError::Usage(format!("{flag} holds a control character or a line break"))
                })?;
                request = request.header(name, value);
            }
        }
        let request = request.body(body).map_err(|error| CliError::Failed {
            message: "cannot make a request of this".into(),
            source: Some(Box::new(error)),
        })?;
        send(&self.client, request, &self.url).await
    }
}

/// Refuses a path that an id is missing from, or would lead out of: it would be another path, and another
/// thing that is asked.
fn check_path(path: &str) -> Result<(), CliError> {
    let (path, _) = path.split_once('?').unwrap_or((path, ""));
    match path.split('/').skip(1).any(|segment| matches!(segment, "" | "." | "..")) {
        true => {
            Err(CliError::Usage("what was typed in place of an id or name is empty, or cannot be one".into()))
        }
        false => Ok(()),
    }
}

/// Sends one request to a URL that the person named.
pub(crate) fn send_once(request: Request<Bytes>, url: &str) -> Result<RawAnswer, CliError> {
    runtime()?.block_on(send(&open_client(), request, url))
}

async fn send(client: &Client, request: Request<Bytes>, url: &str) -> Result<RawAnswer, CliError> {
    let limits = ResponseLimits {
        timeout: Duration::from_secs(30),
        max_read_bytes: MAX_ANSWER_BYTES,
        max_kept_bytes: MAX_ANSWER_BYTES,
    };
    match client.send(request, limits).await {
        Ok(answer) => Ok(RawAnswer { status: answer.status.as_u16(), body: answer.body_start }),
        Err(SendError::Blocked(refusal)) => Err(CliError::Usage(refusal.to_string())),
        Err(error) => Err(CliError::Unreachable { url: url.to_owned(), reason: error.to_string() }),
    }
}

/// The person named the server, so the guard on outbound connections has nothing to guard.
fn open_client() -> Client {
    Client::new(Policy::unrestricted(), serve::native_roots(), ClientSettings::default())
}

fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| CliError::Failed { message: "cannot start".into(), source: Some(Box::new(source)) })
}

#[cfg(test)]
mod tests {
    use super::check_path;

    #[test]
    fn a_path_with_every_segment_in_place_is_asked() {
        for right in ["/healthz", "/v1/webhook_events?limit=20&type=", "/v1/webhook_events/whev_1/payload"] {
            assert!(check_path(right).is_ok(), "{right}");
        }
        for wrong in ["/v1/webhook_events/", "/v1/webhook_events//payload", "/v1/webhook_endpoints/.."] {
            assert!(check_path(wrong).is_err(), "{wrong}");
        }
    }
}
