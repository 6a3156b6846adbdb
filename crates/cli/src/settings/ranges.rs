//! What the numbers among the settings may be. One that would take nothing in, deliver nothing or be raised
//! without a word is refused by its name when the settings are read, wherever it comes from.

use std::ops::RangeInclusive;

use ringback_delivery::{DeliverySettings, MIN_DEDUPE_RETENTION, MIN_PENDING_RETENTION};
use ringback_server::ServerSettings;

use super::Settings;

/// The bytes of a body that is small, and of one that a database still takes.
const BODY: RangeInclusive<u64> = 1024..=256 * 1024 * 1024;
/// Memory for bodies, in bytes.
const MEMORY: RangeInclusive<u64> = *BODY.start()..=1 << 40;
/// Ten years, in seconds: longer than anything is kept.
const TEN_YEARS: u64 = 10 * 365 * 24 * 3600;
/// How often retention is applied, in seconds.
const SWEEP: u64 = 60;

/// A setting that is a number.
struct Number {
    name: &'static str,
    may_be: RangeInclusive<u64>,
    /// What is said of it, if anything is.
    said: fn(&Settings) -> Option<u64>,
}

/// All of them. The doc comments of the fields have the same figures.
static NUMBERS: [Number; 15] = [
    number("database_connections", 2..=1000, |s| s.database_connections.map(wide)),
    number("max_body_bytes", BODY, |s| s.max_body_bytes.map(wide)),
    number("max_batch_bytes", BODY, |s| s.max_batch_bytes.map(wide)),
    number("max_ingest_bytes", MEMORY, |s| s.max_ingest_bytes.map(wide)),
    number("max_ingest_bytes_per_source", MEMORY, |s| s.max_ingest_bytes_per_source.map(wide)),
    number("max_ingest_calls_per_source", 1..=1_000_000, |s| s.max_ingest_calls_per_source.map(wide)),
    number("max_connections", 1..=1_000_000, |s| s.max_connections.map(wide)),
    number("max_in_flight", 1..=100_000, |s| s.max_in_flight.map(wide)),
    number("max_in_flight_per_endpoint", 1..=100_000, |s| s.max_in_flight_per_endpoint.map(wide)),
    number("release_per_sec", 1..=10_000, |s| s.release_per_sec.map(u64::from)),
    number("disable_failing_after_secs", 0..=TEN_YEARS, |s| s.disable_failing_after_secs),
    number("event_retention_secs", SWEEP..=TEN_YEARS, |s| s.event_retention_secs),
    number("pending_retention_secs", 0..=TEN_YEARS, |s| s.pending_retention_secs),
    number("dedupe_retention_secs", MIN_DEDUPE_RETENTION.as_secs()..=TEN_YEARS, |s| s.dedupe_retention_secs),
    number("shutdown_grace_secs", 0..=3600, |s| s.shutdown_grace_secs),
];

const fn number(
    name: &'static str,
    may_be: RangeInclusive<u64>,
    said: fn(&Settings) -> Option<u64>,
) -> Number {
    Number { name, may_be, said }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// A number that is not what it may be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) name: &'static str,
    pub(super) said: u64,
    /// What is allowed, after "must be".
    pub(super) allowed: String,
}

/// What this setting may be; none if it is no number.
pub(super) fn range_of(name: &str) -> Option<&'static RangeInclusive<u64>> {
    NUMBERS.iter().find(|number| number.name == name).map(|number| &number.may_be)
}

/// Every number that is not what it may be.
pub(super) fn refused(settings: &Settings) -> Vec<Refused> {
    let out_of_range = NUMBERS.iter().filter_map(|number| {
        let said = (number.said)(settings).filter(|said| !number.may_be.contains(said))?;
        Some(Refused { name: number.name, said, allowed: in_words(&number.may_be) })
    });
    let refused: Vec<_> = out_of_range.collect();
    // How two numbers go together is only to be told of numbers that there may be.
    if refused.is_empty() {
        without_room(settings).into_iter().chain(too_short_a_limit(settings)).collect()
    } else {
        refused
    }
}

/// Memory in which the largest body would never find room.
fn without_room(settings: &Settings) -> Vec<Refused> {
    let defaults = ServerSettings::default();
    let largest = [
        ("max_body_bytes", settings.max_body_bytes.unwrap_or(defaults.max_body_bytes)),
        ("max_batch_bytes", settings.max_batch_bytes.unwrap_or(defaults.max_batch_bytes)),
    ];
    let largest = largest.map(|(name, bytes)| (wide(bytes), name));
    let (bytes, of) = largest.into_iter().max().unwrap_or_default();
    let memory = [
        ("max_ingest_bytes", settings.max_ingest_bytes),
        ("max_ingest_bytes_per_source", settings.max_ingest_bytes_per_source),
    ];
    let too_small = |(name, said): (&'static str, Option<usize>)| {
        let said = said.map(wide).filter(|said| *said < bytes)?;
        Some(Refused { name, said, allowed: format!("at least {bytes}, which is `{of}`") })
    };
    memory.into_iter().filter_map(too_small).collect()
}

/// A hard limit of retention that would end deliveries which are still retried, or whose events are still to
/// be kept.
fn too_short_a_limit(settings: &Settings) -> Option<Refused> {
    let said = settings.pending_retention_secs.filter(|secs| *secs > 0)?;
    let events =
        settings.event_retention_secs.unwrap_or_else(|| DeliverySettings::new("").event_retention.as_secs());
    let retries = MIN_PENDING_RETENTION.as_secs();
    let (least, reason) = if events > retries {
        (events, "which is `event_retention_secs`")
    } else {
        (retries, "since deliveries are retried for 3 days")
    };
    let allowed = format!("at least {least}, {reason}, or 0 for no limit");
    (said < least).then_some(Refused { name: "pending_retention_secs", said, allowed })
}

/// A range, after "must be".
pub(super) fn in_words(range: &RangeInclusive<u64>) -> String {
    format!("a whole number from {} to {}", range.start(), range.end())
}
