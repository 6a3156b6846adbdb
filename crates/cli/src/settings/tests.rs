//! Settings as a whole: each number reaches its field, and each bound is refused by name.

use std::time::Duration;

use figment::Figment;
use figment::providers::{Format, Toml};

use super::source::extract;
use super::{Settings, ranges};

/// What a settings file comes to; what is said of one that is refused.
fn read(toml: &str) -> Result<Settings, String> {
    let whole = format!("listen = '127.0.0.1:0'\ndata_dir = '/nowhere'\n{toml}");
    extract(&Figment::from(Toml::string(&whole))).map_err(|error| error.to_string())
}

/// Every setting that is a number: what is no such thing is refused for another reason.
fn numbers() -> Vec<String> {
    let error = Figment::from(Toml::string("no_setting = 1")).extract::<Settings>().unwrap_err();
    let known = error.into_iter().find_map(|error| match error.kind {
        figment::error::Kind::UnknownField(_, known) => Some(known),
        _ => None,
    });
    let is_number = |name: &&&str| {
        let refused = Figment::from(Toml::string(&format!("{name} = -1"))).extract::<Settings>().unwrap_err();
        refused.into_iter().any(|error| {
            let of_it = error.path == [**name];
            of_it && matches!(&error.kind, figment::error::Kind::InvalidValue(_, what) if what.starts_with(['u', 'i']))
        })
    };
    known.unwrap().iter().filter(is_number).map(ToString::to_string).collect()
}

#[test]
fn each_number_has_a_range_and_what_is_beyond_is_refused_by_name() {
    let numbers = numbers();
    assert!(numbers.len() >= 14, "{numbers:?}");
    for name in numbers {
        let range = ranges::range_of(&name).unwrap_or_else(|| panic!("{name} has no range in ranges.rs"));
        let (from, to) = (*range.start(), *range.end());
        // Room for the largest body.
        let room = if name.starts_with("max_ingest_bytes") {
            "max_body_bytes = 1024\nmax_batch_bytes = 1024"
        } else {
            ""
        };
        for allowed in [from, to] {
            let said = read(&format!("{name} = {allowed}\n{room}"));
            assert!(said.is_ok(), "{name} = {allowed}: {said:?}");
        }
        let words = format!("must be a whole number from {from} to {to}");
        for beyond in [i128::from(from) - 1, i128::from(to) + 1, i128::from(i64::MAX)] {
            let said = read(&format!("{name} = {beyond}\n{room}")).unwrap_err();
            assert!(said.starts_with(&format!("the setting `{name}`")), "{name} = {beyond}: {said}");
            assert!(said.ends_with(&words), "{name} = {beyond}: {said}");
        }
    }
}

#[test]
fn what_is_said_of_several_is_said_at_once_and_with_its_place() {
    let said = read("max_in_flight = 0\nrelease_per_sec = 0").unwrap_err();
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    assert_eq!(
        lines,
        [
            "the setting `max_in_flight` (in TOML source string) is 0, but must be a whole number from 1 to 100000",
            "the setting `release_per_sec` (in TOML source string) is 0, but must be a whole number from 1 to 10000",
        ]
    );
}

#[test]
fn memory_for_bodies_has_room_for_the_largest() {
    for (toml, words) in [
        ("max_ingest_bytes = 16777215", "`max_ingest_bytes` (in TOML source string) is 16777215"),
        ("max_ingest_bytes_per_source = 4096", "at least 16777216, which is `max_batch_bytes`"),
        (
            "max_ingest_bytes = 30000\nmax_body_bytes = 30001\nmax_batch_bytes = 2000",
            "at least 30001, which is `max_body_bytes`",
        ),
    ] {
        let said = read(toml).unwrap_err();
        assert!(said.contains(words), "{toml}: {said}");
    }
    assert!(read("max_ingest_bytes = 16777216").is_ok());
    assert!(read("max_batch_bytes = 134217728").is_ok(), "what is not said grows with it");
}

#[test]
fn each_number_reaches_its_field() {
    let settings = read(
        "max_body_bytes = 2001\nmax_batch_bytes = 2002\nmax_ingest_bytes = 2003\nmax_ingest_bytes_per_source = 2004\n\
         max_ingest_calls_per_source = 2005\nmax_connections = 2006\nmax_in_flight = 2007\nmax_in_flight_per_endpoint = 2008\n\
         release_per_sec = 2009\ndisable_failing_after_secs = 2010\nevent_retention_secs = 2011\n\
         dedupe_retention_secs = 345601\npending_retention_secs = 345602\nshutdown_grace_secs = 2013\n\
         database = 'postgres://someone@db.example/ringback'\ndatabase_connections = 214",
    )
    .unwrap();
    let server = settings.server("http://127.0.0.1:1".parse().unwrap(), "1");
    let numbers = [
        server.max_body_bytes,
        server.max_batch_bytes,
        server.max_ingest_bytes,
        server.max_ingest_bytes_per_source,
        server.max_ingest_calls_per_source,
        server.max_connections,
    ];
    assert_eq!(numbers, [2001, 2002, 2003, 2004, 2005, 2006]);
    assert_eq!(server.shutdown_grace, Duration::from_secs(2013));
    let delivery = settings.delivery("1");
    assert_eq!((delivery.max_in_flight, delivery.max_in_flight_per_endpoint), (2007, 2008));
    assert_eq!(delivery.release_per_sec, 2009);
    assert_eq!(delivery.disable_failing_after, Some(Duration::from_secs(2010)));
    assert_eq!(delivery.event_retention, Duration::from_secs(2011));
    assert_eq!(delivery.dedupe_retention, Duration::from_secs(345_601));
    assert_eq!(delivery.pending_retention, Some(Duration::from_secs(345_602)));
    let super::Database::Postgres(access) = settings.database().unwrap() else { panic!("it names a server") };
    assert_eq!(access.connections, 214);
    assert_eq!(read("disable_failing_after_secs = 0").unwrap().delivery("1").disable_failing_after, None);
}

#[test]
fn the_hard_limit_of_retention_is_off_unless_it_is_set() {
    for toml in ["", "pending_retention_secs = 0"] {
        assert_eq!(read(toml).unwrap().delivery("1").pending_retention, None, "{toml}");
    }
}

#[test]
fn the_hard_limit_of_retention_cuts_short_neither_retries_nor_what_is_kept() {
    for (toml, words) in [
        (
            "pending_retention_secs = 2591999",
            "2591999, but must be at least 2592000, which is `event_retention_secs`",
        ),
        (
            "pending_retention_secs = 345599\nevent_retention_secs = 60",
            "345599, but must be at least 345600, since deliveries are retried for 3 days, or 0 for no limit",
        ),
        (
            "pending_retention_secs = 1\nevent_retention_secs = 345601",
            "1, but must be at least 345601, which",
        ),
    ] {
        let said = read(toml).unwrap_err();
        assert!(
            said.contains(&format!("`pending_retention_secs` (in TOML source string) is {words}")),
            "{toml}: {said}"
        );
    }
    for toml in
        ["pending_retention_secs = 2592000", "pending_retention_secs = 345600\nevent_retention_secs = 60"]
    {
        assert!(read(toml).is_ok(), "{toml}");
    }
}
