//! `docs/SETTINGS.md` has exactly the settings that there are, with their variables, flags, defaults and
//! bounds.

use std::collections::BTreeSet;
use std::fmt::Debug;

use clap::CommandFactory;
use figment::Figment;
use figment::error::Kind;
use figment::providers::Serialized;
use ringback_delivery::DeliverySettings;
use ringback_server::ServerSettings;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::database::DEFAULT_CONNECTIONS;
use super::egress::EgressSettings;
use super::source::DEFAULT_LISTEN;
use super::{LogSettings, Settings, environment};
use crate::args::Args;

const DOCUMENT: &str = include_str!("../../../../docs/SETTINGS.md");

/// A line of the document's tables.
struct Row {
    name: &'static str,
    /// What stands beside the name: its flag.
    flag: Option<&'static str>,
    variable: &'static str,
    default: &'static str,
    bounds: &'static str,
}

fn rows() -> Vec<Row> {
    let row = |line: &'static str| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [first, variable, default, bounds, _] = cells[..] else { panic!("five cells, not: {line}") };
        let mut names = first.split(", ").map(|name| name.trim_matches('`'));
        let name = names.next().unwrap();
        Row { name, flag: names.next(), variable: variable.trim_matches('`'), default, bounds }
    };
    DOCUMENT.lines().filter(|line| line.starts_with("| `")).map(row).collect()
}

/// What a level of the settings takes, as it says when it is given something else.
fn known<T: DeserializeOwned + Debug>() -> Vec<&'static str> {
    let errors = Figment::from(Serialized::defaults(json!({ "no_setting": 1 }))).extract::<T>().unwrap_err();
    let known = errors.into_iter().find_map(|error| match error.kind {
        Kind::UnknownField(_, known) => Some(known.to_vec()),
        _ => None,
    });
    known.expect("it says what it knows")
}

fn settings() -> BTreeSet<String> {
    let within = |table: &'static str, names: Vec<&'static str>| {
        names.into_iter().map(move |name| format!("{table}.{name}"))
    };
    let top = known::<Settings>().into_iter().filter(|name| !["egress", "log"].contains(name));
    top.map(str::to_owned)
        .chain(within("egress", known::<EgressSettings>()))
        .chain(within("log", known::<LogSettings>()))
        .collect()
}

/// The default, where it is a number or a word.
fn default_of(name: &str) -> Option<String> {
    let (server, delivery) = (ServerSettings::default(), DeliverySettings::new("1"));
    let nothing = json!({ "listen": DEFAULT_LISTEN, "data_dir": "/" });
    let settings: Settings = Figment::from(Serialized::defaults(nothing)).extract().unwrap();
    let seconds = |time: std::time::Duration| time.as_secs().to_string();
    Some(match name {
        "listen" => DEFAULT_LISTEN.to_owned(),
        "dev" => settings.dev.to_string(),
        "egress.proxy_resolves" => settings.egress.proxy_resolves.to_string(),
        "log.level" => format!("{:?}", settings.log.level).to_lowercase(),
        "log.format" => format!("{:?}", settings.log.format).to_lowercase(),
        "database_connections" => DEFAULT_CONNECTIONS.to_string(),
        "max_body_bytes" => server.max_body_bytes.to_string(),
        "max_batch_bytes" => server.max_batch_bytes.to_string(),
        "max_ingest_bytes" => server.max_ingest_bytes.to_string(),
        "max_ingest_bytes_per_source" => server.max_ingest_bytes_per_source.to_string(),
        "max_ingest_calls_per_source" => server.max_ingest_calls_per_source.to_string(),
        "max_connections" => server.max_connections.to_string(),
        "max_in_flight" => delivery.max_in_flight.to_string(),
        "max_in_flight_per_endpoint" => delivery.max_in_flight_per_endpoint.to_string(),
        "release_per_sec" => delivery.release_per_sec.to_string(),
        "disable_failing_after_secs" => seconds(delivery.disable_failing_after.unwrap_or_default()),
        "event_retention_secs" => seconds(delivery.event_retention),
        "pending_retention_secs" => seconds(delivery.pending_retention.unwrap_or_default()),
        "dedupe_retention_secs" => seconds(delivery.dedupe_retention),
        "shutdown_grace_secs" => seconds(settings.shutdown_grace()),
        _ => return None,
    })
}

/// A number as the program writes it.
fn plain(cell: &str) -> String {
    cell.replace([',', '`'], "")
}

#[test]
fn every_setting_is_in_the_document_and_nothing_else() {
    let documented: Vec<&str> = rows().iter().map(|row| row.name).collect();
    let each: BTreeSet<String> = documented.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(each, settings());
    assert_eq!(each.len(), documented.len(), "one stands there twice: {documented:?}");
}

#[test]
fn variables_and_flags_are_those_of_the_program() {
    let args = Args::command();
    let serve = args.find_subcommand("serve").unwrap();
    let flags: Vec<&str> =
        args.get_arguments().chain(serve.get_arguments()).filter_map(clap::Arg::get_long).collect();
    for row in rows() {
        assert_eq!(row.variable, environment::variable_of(row.name));
        let flag = row.name.replace('_', "-");
        let expected = flags.contains(&flag.as_str()).then(|| format!("--{flag}"));
        assert_eq!(row.flag.map(str::to_owned), expected, "{}", row.name);
    }
}

#[test]
fn defaults_are_those_of_the_program() {
    for row in rows() {
        let said = plain(row.default);
        match default_of(row.name) {
            Some(default) => assert_eq!(said.split(' ').next(), Some(default.as_str()), "{}", row.name),
            None => assert!(!said.starts_with(|c: char| c.is_ascii_digit()), "{} is {said}", row.name),
        }
    }
}

#[test]
fn bounds_are_those_of_the_program() {
    for row in rows() {
        if let Some(range) = super::ranges::range_of(row.name) {
            assert_eq!(plain(row.bounds), format!("{} to {}", range.start(), range.end()), "{}", row.name);
        }
    }
}
