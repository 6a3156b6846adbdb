//! The API's client: how commands talk to a running server.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, header};
use ringback_egress::{Client, ClientSettings, Policy, ResponseLimits, SendError};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::args::Global;
use crate::exit::CliError;
use crate::serve;
use crate::settings::default_data_dir;

/// The server that commands talk to when none is named.
const DEFAULT_URL: &str = "http://127.0.0.1:4600";
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

impl ApiClient {
    /// The server and key that the flags, the environment and the data folder say.
    pub(crate) fn new(global: &Global) -> Result<Self, CliError> {
        let url = global.url.as_deref().unwrap_or(DEFAULT_URL).trim_end_matches('/').to_owned();
        let project = global.project.clone();
        Ok(Self { url, key: find_key(global)?, project, client: open_client(), runtime: runtime()? })
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
        let answer = self.send(method, path, body, idempotency_key)?;
        let json: Option<Value> = serde_json::from_slice(&answer.body).ok();
        if (200..300).contains(&answer.status) {
            return json.ok_or_else(|| CliError::Refused {
                message: format!(
                    "{} answered with something that is not JSON; is it a Ringback server?",
                    self.url
                ),
            });
        }
        let said = json.as_ref().and_then(|json| json["error"]["message"].as_str());
        let message = said.map_or_else(|| format!("{} answered {}", self.url, answer.status), str::to_owned);
        let hint = if answer.status == 401 {
            "\n  set RINGBACK_API_KEY, or name the server's data folder with --data-dir"
        } else {
            ""
        };
        Err(CliError::Refused { message: format!("{message} ({}){hint}", answer.status) })
    }

    /// Calls the API and returns whatever it answers.
    pub(crate) fn raw(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<RawAnswer, CliError> {
        let body = body.map_or_else(Bytes::new, |json| Bytes::from(json.to_string()));
        self.send(method, path, body, None)
    }

    fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        idempotency_key: Option<&str>,
    ) -> Result<RawAnswer, CliError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, format!("Ringback/{} (cli)", serve::VERSION))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key.as_str()));
        for (name, value) in
            [("openai-project", self.project.as_deref()), ("idempotency-key", idempotency_key)]
        {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let request = request
            .body(body)
            .map_err(|_| CliError::Usage(format!("--url {} is not a URL such as {DEFAULT_URL}", self.url)))?;
        send(&self.runtime, &self.client, request, &self.url)
    }
}

/// Sends one request to a URL that the person named.
pub(crate) fn send_once(request: Request<Bytes>, url: &str) -> Result<RawAnswer, CliError> {
    send(&runtime()?, &open_client(), request, url)
}

fn send(
    runtime: &tokio::runtime::Runtime,
    client: &Client,
    request: Request<Bytes>,
    url: &str,
) -> Result<RawAnswer, CliError> {
    let limits = ResponseLimits {
        timeout: Duration::from_secs(30),
        max_read_bytes: MAX_ANSWER_BYTES,
        max_kept_bytes: MAX_ANSWER_BYTES,
    };
    match runtime.block_on(client.send(request, limits)) {
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

#[expect(clippy::disallowed_methods, reason = "the composition root reads the environment")]
fn find_key(global: &Global) -> Result<Zeroizing<String>, CliError> {
    for name in ["RINGBACK_API_KEY", "RINGBACK_ADMIN_KEY"] {
        if let Some(key) = std::env::var(name).ok().filter(|key| !key.is_empty()) {
            return Ok(Zeroizing::new(key));
        }
    }
    let data_dir = global.data_dir.clone().unwrap_or_else(default_data_dir);
    serve::read_admin_key(&data_dir).map_err(|error| {
        CliError::Usage(format!(
            "no key to the server: set RINGBACK_API_KEY, or name its data folder with --data-dir ({}: {error})",
            data_dir.join("admin-key").display()
        ))
    })
}
