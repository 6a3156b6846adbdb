//! `ringback publish`: events of one's own, one at a time or a file of them.

use std::fs;
use std::io::{self, BufRead, Read as _};
use std::path::Path;

use bytes::Bytes;
use clap::ArgGroup;
use http::Method;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{items, moment, print_text, typed};
use crate::args::Global;
use crate::client::{ApiClient, ApiRefusal};
use crate::exit::CliError;
use crate::output;

const ONE: &str = "/v1/webhook_events";
const BATCH: &str = "/v1/webhook_events/batch";
/// How many events one request holds, at most.
const MAX_BATCH_EVENTS: usize = 1000;
/// How large the events of one request are together, at most, in bytes.
const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;
/// What some editors write before a text that is UTF-8.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Flags of `publish`.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("what").args(["event_type", "file"]).required(true))]
#[command(after_help = "Examples:\n  ringback publish order.paid --data '{\"id\": \"ord_1\"}'\n  \
    ringback publish order.paid --data @order.json --webhook-id order-1-paid\n  \
    ringback publish --file events.jsonl   # one {\"type\": …, \"data\": …} a line; - is standard input\n\n\
    A file goes in parts of 1,000 events, each all or none. Run again after a failure, it publishes nothing twice if \
    each line has a \"webhook_id\", or if both runs have the same --idempotency-key.")]
pub(crate) struct PublishArgs {
    /// The type of the event, such as `order.paid`.
    #[arg(value_name = "TYPE", value_parser = typed::event_type)]
    event_type: Option<String>,
    /// Its data, a JSON object: the text itself, `@FILE`, or `-` for standard input.
    #[arg(long, value_name = "JSON", default_value = "{}", conflicts_with = "file")]
    data: String,
    /// The id that receivers know a repetition by; publishing it again makes nothing twice.
    #[arg(long, value_name = "ID", conflicts_with = "file")]
    webhook_id: Option<String>,
    /// When it happened: Unix seconds, a date (UTC), RFC 3339, a time as tables print it, or how long ago, as
    /// in `2h` [default: now].
    #[arg(long, value_name = "TIME", value_parser = moment::parse, conflicts_with = "file")]
    created_at: Option<i64>,
    /// Publishing the same again under the same key makes nothing twice.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// A file of events, one JSON object a line: `type`, `data`, and if wanted `webhook_id` and `created_at`.
    #[arg(long, value_name = "FILE")]
    file: Option<String>,
}

/// Runs `ringback publish`.
pub(crate) fn run(global: &Global, args: &PublishArgs) -> Result<(), CliError> {
    match (&args.file, &args.event_type) {
        (Some(file), _) => publish_file(global, file, args.idempotency_key.as_deref()),
        (None, Some(event_type)) => publish_one(global, event_type, args),
        (None, None) => Err(CliError::Usage("name the TYPE of the event, or a --file of events".into())),
    }
}

fn publish_one(global: &Global, event_type: &str, args: &PublishArgs) -> Result<(), CliError> {
    let text = read_data(&args.data)?;
    // Sent as it was written: the order of keys and the spelling of numbers are the publisher's.
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text).trim();
    let data = RawValue::from_string(text.to_owned())
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
    let id = answer["id"].as_str().unwrap_or_default();
    let before = if answer["duplicate"] == true { " (published before)" } else { "" };
    print_text(global, &answer, format_args!("{event_type} is event {id}{before}"))
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
    parts: usize,
    published: usize,
    duplicates: usize,
}

/// Events that wait for the next request, each with the number of its line.
#[derive(Default)]
struct Part {
    lines: Vec<(usize, String)>,
    bytes: usize,
}

/// In requests of many. When one is refused, those before it stay: with `webhook_id`s in the file, or an
/// `Idempotency-Key`, it can be run again.
fn publish_file(global: &Global, file: &str, idempotency_key: Option<&str>) -> Result<(), CliError> {
    let sink = Sink { api: ApiClient::new(global)?, file, idempotency_key };
    let mut progress = Progress::default();
    let mut part = Part::default();
    for (number, line) in (1..).zip(open(file)?.split(b'\n')) {
        let line = line.map_err(|error| CliError::Usage(format!("{file} cannot be read: {error}")))?;
        let line = read_line(number, line).map_err(|wrong| {
            CliError::Usage(format!("{file}, line {number}: {wrong}\n  {}", published_so_far(&progress)))
        })?;
        let Some(line) = line else { continue };
        if part.lines.len() == MAX_BATCH_EVENTS || part.bytes + line.len() > MAX_BATCH_BYTES {
            sink.publish(&mut part, &mut progress)?;
            output::talk_over(format_args!("{} events published", progress.published));
        }
        part.bytes += line.len();
        part.lines.push((number, line));
    }
    sink.publish(&mut part, &mut progress)?;
    let Progress { published, duplicates, .. } = progress;
    let answer = json!({ "object": "publish", "published": published, "duplicates": duplicates });
    let new = published.saturating_sub(duplicates);
    print_text(global, &answer, format_args!("{new} new events published; {duplicates} had been before"))
}

/// A line is one JSON object, or blank: what the object must hold is the server's to say.
fn read_line(number: usize, line: Vec<u8>) -> Result<Option<String>, String> {
    let line = String::from_utf8(line).map_err(|error| format!("it is not UTF-8: {}", error.utf8_error()))?;
    let line = if number == 1 { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line) } else { &line }.trim();
    if line.is_empty() {
        return Ok(None);
    }
    match serde_json::from_str::<Value>(line) {
        Ok(Value::Object(_)) => Ok(Some(line.to_owned())),
        Ok(_) => Err("it is not a JSON object".to_owned()),
        Err(error) => Err(format!("it is not JSON: {error}")),
    }
}

fn published_so_far(progress: &Progress) -> String {
    format!("{} events from the lines before were published", progress.published)
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

/// Where the parts of a file go.
struct Sink<'a> {
    api: ApiClient,
    file: &'a str,
    idempotency_key: Option<&'a str>,
}

impl Sink<'_> {
    fn publish(&self, part: &mut Part, progress: &mut Progress) -> Result<(), CliError> {
        let Part { lines, .. } = std::mem::take(part);
        if lines.is_empty() {
            return Ok(());
        }
        let events: Vec<&str> = lines.iter().map(|(_, line)| line.as_str()).collect();
        let body = Bytes::from(format!("{{\"events\":[{}]}}", events.join(",")));
        // One for each part, which has the same lines whenever the same file is published.
        let key = self.idempotency_key.map(|key| format!("{key}/{}", progress.parts));
        let answer = match self.api.try_call(Method::POST, BATCH, body, key.as_deref()) {
            Ok(Ok(answer)) => answer,
            Ok(Err(refusal)) => return Err(self.refused(&refusal, &lines, progress)),
            Err(CliError::Unreachable { url, reason }) => {
                let reason = format!("{reason}\n  {}", published_so_far(progress));
                return Err(CliError::Unreachable { url, reason });
            }
            Err(error) => return Err(error),
        };
        progress.parts += 1;
        progress.published += items(&answer).len();
        progress.duplicates += items(&answer).iter().filter(|item| item["duplicate"] == true).count();
        Ok(())
    }

    /// Names the line that the server's no is about.
    fn refused(&self, refusal: &ApiRefusal, lines: &[(usize, String)], progress: &Progress) -> CliError {
        let index = refusal
            .param
            .as_deref()
            .and_then(|param| param.strip_prefix("events[")?.split_once(']')?.0.parse::<usize>().ok());
        let place = index.and_then(|index| lines.get(index)).map(|(number, _)| format!(", line {number}"));
        let (file, place) = (self.file, place.unwrap_or_default());
        let message = format!("{file}{place}: {}\n  {}", refusal.message, published_so_far(progress));
        CliError::Refused { message }
    }
}
