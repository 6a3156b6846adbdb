//! `ringback trigger`: a sample event, signed as OpenAI signs.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use ringback_webhook::{SigningSecret, catalogue};
use serde_json::json;

use super::{print_text, segment};
use crate::args::Global;
use crate::client::{self, ApiClient};
use crate::exit::CliError;
use crate::random;
use crate::serve::now;

/// What OpenAI's calls announce themselves as (OpenAI's webhooks guide), so that a receiver sees what it will
/// see.
const OPENAI_USER_AGENT: &str = "OpenAI/1.0 (+https://platform.openai.com/docs/webhooks)";

/// Flags of `trigger`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  ringback trigger response.completed --source whsrc_...\n  \
    ringback trigger batch.failed --to http://127.0.0.1:3000/webhook --secret whsec_...")]
pub(crate) struct TriggerArgs {
    /// A type of OpenAI's catalogue, such as `response.completed`.
    #[arg(value_name = "TYPE")]
    event_type: String,
    /// The source to send it through: the server signs it, and it goes the way that real calls go.
    #[arg(long, value_name = "ID", required_unless_present = "to", conflicts_with_all = ["to", "secret"])]
    source: Option<String>,
    /// Straight to this URL, without a server.
    #[arg(long, value_name = "URL", requires = "secret")]
    to: Option<String>,
    /// The secret to sign it with, for --to.
    #[arg(long, value_name = "SECRET", env = "RINGBACK_SIGNING_SECRET", hide_env_values = true)]
    secret: Option<String>,
}

/// Runs `ringback trigger`.
pub(crate) fn run(global: &Global, args: &TriggerArgs) -> Result<(), CliError> {
    match (&args.source, &args.to, &args.secret) {
        (Some(source), ..) => through_source(global, &args.event_type, source),
        (None, Some(url), Some(secret)) => straight(global, &args.event_type, url, secret),
        _ => Err(CliError::Usage("name a --source, or a URL with --to and its --secret".into())),
    }
}

fn through_source(global: &Global, event_type: &str, source: &str) -> Result<(), CliError> {
    let path = format!("/v1/webhook_sources/{}/test", segment(source));
    let body = json!({ "event_type": event_type });
    let answer = ApiClient::new(global)?.call(Method::POST, &path, Some(&body))?;
    let id = answer["event_id"].as_str().unwrap_or_default();
    print_text(global, &answer, format_args!("{event_type} is event {id}"))
}

fn straight(global: &Global, event_type: &str, url: &str, secret: &str) -> Result<(), CliError> {
    let secret = SigningSecret::parse_openai(secret)
        .map_err(|error| CliError::Usage(format!("--secret is not a signing secret: {error}")))?;
    let (event_id, webhook_id) = (random_id("evt"), random_id("wh"));
    let body =
        catalogue::sample(event_type, &event_id, now().to_wire()).ok_or_else(|| unknown_type(event_type))?;
    let request = signed(url, &secret, &webhook_id, body)?;
    let answer = client::send_once(request, url)?;
    let shown = json!({
        "object": "trigger",
        "url": url,
        "event_type": event_type,
        "webhook_id": webhook_id,
        "status_code": answer.status,
        "response_body": String::from_utf8_lossy(&answer.body),
    });
    print_text(global, &shown, format_args!("{url} answered {}", answer.status))?;
    if (200..300).contains(&answer.status) {
        Ok(())
    } else {
        Err(CliError::Refused {
            message: format!("the receiver did not accept the call: it answered {}", answer.status),
        })
    }
}

fn signed(
    url: &str,
    secret: &SigningSecret,
    webhook_id: &str,
    body: Vec<u8>,
) -> Result<Request<Bytes>, CliError> {
    let headers = ringback_webhook::sign([secret], webhook_id, now().to_wire(), &body).map_err(|error| {
        CliError::Failed { message: "cannot sign the call".into(), source: Some(Box::new(error)) }
    })?;
    let mut request = Request::post(url)
        .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header(header::USER_AGENT, HeaderValue::from_static(OPENAI_USER_AGENT))
        .body(Bytes::from(body))
        .map_err(|_| {
            CliError::Usage(format!("--to {url} is not a URL such as http://127.0.0.1:3000/webhook"))
        })?;
    headers.apply(request.headers_mut());
    Ok(request)
}

/// An id such as OpenAI's: a prefix and 32 hexadecimal digits.
fn random_id(prefix: &str) -> String {
    let digits: String = random::bytes::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{prefix}_{digits}")
}

fn unknown_type(event_type: &str) -> CliError {
    let nearest = catalogue::entries()
        .iter()
        .map(|entry| entry.name)
        .max_by(|a, b| strsim::jaro_winkler(event_type, a).total_cmp(&strsim::jaro_winkler(event_type, b)));
    let hint = nearest.map_or_else(String::new, |nearest| format!("; did you mean `{nearest}`?"));
    CliError::Usage(format!("there is no sample of `{event_type}`{hint}"))
}
