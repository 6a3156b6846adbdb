//! `ringback publish`: events of one's own, one at a time or a file of them.

use std::fs;
use std::io::{self, BufRead, IsTerminal as _, Read as _};
use std::path::Path;

use bytes::Bytes;
use http::Method;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::items;
use crate::args::Global;
use crate::client::ApiClient;
use crate::exit::CliError;
use crate::output;

const ONE: &str = "/v1/webhook_events";
const BATCH: &str = "/v1/webhook_events/batch";
/// How many events one request holds, at most.
const MAX_BATCH_EVENTS: usize = 1000;
/// How large the events of one request are together, at most, in bytes.
const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;

/// Flags of `publish`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  ringback publish order.paid --data '{\"id\": \"ord_1\"}'\n  \
    ringback publish order.paid --data @order.json --webhook-id order-1-paid\n  \
    ringback publish --file events.jsonl   # one {\"type\": …, \"data\": …} a line; - is standard input")]
pub(crate) struct PublishArgs {
    /// The type of the event, such as `order.paid`.
    #[arg(value_name = "TYPE", required_unless_present = "file", conflicts_with = "file")]
    event_type: Option<String>,
    /// Its data, a JSON object: the text itself, `@FILE`, or `-` for standard input.
    #[arg(long, value_name = "JSON", default_value = "{}", conflicts_with = "file")]
    data: String,
    /// The id that receivers know a repetition by; publishing it again makes nothing twice.
    #[arg(long, value_name = "ID", conflicts_with = "file")]
    webhook_id: Option<String>,
    /// When it happened, in Unix seconds [default: now].
    #[arg(long, value_name = "SECS", conflicts_with = "file")]
    created_at: Option<i64>,
    /// Publishing the same again under the same key makes nothing twice, for 24 hours.
    #[arg(long, value_name = "KEY", conflicts_with = "file")]
    idempotency_key: Option<String>,
    /// A file of events, one JSON object a line: `type`, `data`, and if wanted `webhook_id` and `created_at`.
    #[arg(long, value_name = "FILE")]
    file: Option<String>,
}

/// Runs `ringback publish`.
pub(crate) fn run(global: &Global, args: &PublishArgs) -> Result<(), CliError> {
    match (&args.file, &args.event_type) {
        (Some(file), _) => publish_file(global, file),
        (None, Some(event_type)) => publish_one(global, event_type, args),
        (None, None) => Err(CliError::Usage("name the TYPE of the event, or a --file of events".into())),
    }
}

fn publish_one(global: &Global, event_type: &str, args: &PublishArgs) -> Result<(), CliError> {
    let text = read_data(&args.data)?;
    // Sent as it was written: the order of keys and the spelling of numbers are the publisher's.
    let data = RawValue::from_string(text.trim().to_owned())
        .map_err(|error| CliError::Usage(format!("--data is not JSON: {error}")))?;
    let mut body = format!("{{\"type\":{},\"data\":{}", json!(event_type), data.get());
    if let Some(id) = &args.webhook_id {
        body.push_str(&format!(",\"webhook_id\":{}", json!(id)));
    }
    if let Some(secs) = args.created_at {
        body.push_str(&format!(",\"created_at\":{secs}"));
    }
    body.push('}');
    let key = args.idempotency_key.as_deref();
    let answer = ApiClient::new(global)?.call_with(Method::POST, ONE, Bytes::from(body), key)?;
    if global.json {
        output::json(&answer);
    } else {
        let id = answer["id"].as_str().unwrap_or_default();
        let before = if answer["duplicate"] == true { " (published before)" } else { "" };
        anstream::println!("{event_type} is event {id}{before}");
    }
    Ok(())
}

fn read_data(data: &str) -> Result<String, CliError> {
    let read = match data.strip_prefix('@') {
        Some(path) => fs::read_to_string(path),
        None if data == "-" => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).map(|_| text)
        }
        None => return Ok(data.to_owned()),
    };
    read.map_err(|error| CliError::Usage(format!("--data {data} cannot be read: {error}")))
}

/// How far a file has been published.
#[derive(Default)]
struct Progress {
    published: usize,
    duplicates: usize,
}

/// In requests of many. When one is refused, those before it stay: with `webhook_id`s in the file it can be run again.
fn publish_file(global: &Global, file: &str) -> Result<(), CliError> {
    let api = ApiClient::new(global)?;
    let mut progress = Progress::default();
    let mut waiting: Vec<String> = Vec::new();
    let mut waiting_bytes = 0;
    for line in open(file)?.lines() {
        let line = line.map_err(|error| CliError::Usage(format!("{file} cannot be read: {error}")))?;
        if line.trim().is_empty() {
            continue;
        }
        if waiting.len() == MAX_BATCH_EVENTS || waiting_bytes + line.len() > MAX_BATCH_BYTES {
            publish_batch(&api, &mut waiting, &mut progress)?;
            waiting_bytes = 0;
            show_progress(&progress);
        }
        waiting_bytes += line.len();
        waiting.push(line);
    }
    publish_batch(&api, &mut waiting, &mut progress)?;
    let Progress { published, duplicates } = progress;
    if global.json {
        output::json(&json!({ "object": "publish", "published": published, "duplicates": duplicates }));
    } else {
        anstream::println!("{published} events published, {duplicates} of them before");
    }
    Ok(())
}

fn open(file: &str) -> Result<Box<dyn BufRead>, CliError> {
    if file == "-" {
        return Ok(Box::new(io::BufReader::new(io::stdin())));
    }
    match fs::File::open(Path::new(file)) {
        Ok(opened) => Ok(Box::new(io::BufReader::new(opened))),
        Err(error) => Err(CliError::Usage(format!("{file} cannot be read: {error}"))),
    }
}

fn publish_batch(
    api: &ApiClient,
    waiting: &mut Vec<String>,
    progress: &mut Progress,
) -> Result<(), CliError> {
    if waiting.is_empty() {
        return Ok(());
    }
    let body = format!("{{\"events\":[{}]}}", waiting.join(","));
    let answer =
        api.call_with(Method::POST, BATCH, Bytes::from(body), None).map_err(|error| match error {
            CliError::Refused { message } => CliError::Refused {
                message: format!(
                    "{message}\n  {} events before this part of the file were published",
                    progress.published
                ),
            },
            error => error,
        })?;
    let is_duplicate = |item: &&Value| item["duplicate"] == true;
    progress.published += items(&answer).len();
    progress.duplicates += items(&answer).iter().filter(is_duplicate).count();
    waiting.clear();
    Ok(())
}

/// On a terminal only, so that a log does not fill with it.
fn show_progress(progress: &Progress) {
    if io::stderr().is_terminal() {
        anstream::eprint!("\r{} events published", progress.published);
    }
}
