//! Which variables of the environment are settings.

use clap::{Command, CommandFactory};
use figment::providers::Env;

use crate::args::Args;

/// What all of them begin with.
pub(super) const PREFIX: &str = "RINGBACK_";
/// Settings whose values are tables: `RINGBACK_EGRESS_ALLOW` is `egress.allow`.
const SECTIONS: [&str; 2] = ["egress_", "log_"];
/// Variables that others read by themselves: the commands that talk to a server, and the suites of tests.
const READ_ELSEWHERE: [&str; 2] = ["RINGBACK_API_KEY", "RINGBACK_BIN"];

/// Those that are settings.
pub(super) fn settings() -> Env {
    let of_flags = variables_of_flags(&Args::command());
    Env::prefixed(PREFIX)
        .filter(move |key| {
            let key = key.as_str().to_ascii_uppercase();
            let variable = format!("{PREFIX}{key}");
            let is_read_elsewhere = of_flags.contains(&variable)
                || READ_ELSEWHERE.contains(&variable.as_str())
                || key.starts_with("TEST_");
            !is_read_elsewhere && !is_of_kubernetes(&key, || value_of(&variable))
        })
        .map(|key| {
            let key = key.as_str().to_ascii_lowercase();
            match SECTIONS.iter().find(|section| key.starts_with(*section)) {
                Some(section) => {
                    format!("{}.{}", section.trim_end_matches('_'), &key[section.len()..]).into()
                }
                None => key.into(),
            }
        })
}

/// The variable of a setting.
pub(super) fn variable_of(setting: &str) -> String {
    format!("{PREFIX}{}", setting.replace('.', "_").to_ascii_uppercase())
}

/// Those that flags of any command take their values from.
fn variables_of_flags(command: &Command) -> Vec<String> {
    let own = command.get_arguments().filter_map(clap::Arg::get_env);
    let own = own.map(|variable| variable.to_string_lossy().into_owned());
    own.chain(command.get_subcommands().flat_map(variables_of_flags)).collect()
}

/// Whether Kubernetes sets this variable (without the prefix) in each container, because there is a Service
/// whose name begins as the prefix does: of one that is named `ringback`, `RINGBACK_SERVICE_HOST`,
/// `RINGBACK_SERVICE_PORT…`, `RINGBACK_PORT=tcp://…` and `RINGBACK_PORT_4600_TCP…`; of `ringback-db` the same
/// with `DB_` in between.
fn is_of_kubernetes(key: &str, value: impl FnOnce() -> Option<String>) -> bool {
    let words: Vec<&str> = key.split('_').collect();
    let is_service = words.windows(2).any(|words| matches!(words, ["SERVICE", "HOST" | "PORT"]));
    let is_port = words.windows(3).any(
        |words| matches!(words, ["PORT", number, "TCP" | "UDP" | "SCTP"] if number.parse::<u16>().is_ok()),
    );
    let is_address = || value().is_some_and(|value| value.contains("://"));
    is_service || is_port || (words.last() == Some(&"PORT") && is_address())
}

#[expect(clippy::disallowed_methods, reason = "the composition root reads the environment")]
fn value_of(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubernetes_sets_for_services_is_told_from_settings() {
        for key in [
            "SERVICE_HOST",
            "SERVICE_PORT",
            "SERVICE_PORT_HTTP",
            "PORT_4600_TCP",
            "PORT_4600_TCP_ADDR",
            "PORT_4600_TCP_PORT",
            "PORT_4600_TCP_PROTO",
            "DB_SERVICE_HOST",
            "DB_PORT_5432_TCP_ADDR",
        ] {
            assert!(is_of_kubernetes(key, || None), "{key}");
        }
        for key in ["PORT", "DB_PORT"] {
            assert!(is_of_kubernetes(key, || Some("tcp://10.96.0.7:4600".into())), "{key}");
            assert!(!is_of_kubernetes(key, || Some("4600".into())), "somebody means a setting");
        }
        for key in ["LISTEN", "SERVICE", "EGRESS_DENY_PORTS", "MAX_CONNECTIONS", "PORT_HTTP_TCP"] {
            assert!(!is_of_kubernetes(key, || Some("tcp://10.96.0.7:4600".into())), "{key}");
        }
    }

    #[test]
    fn variables_of_flags_are_found_in_every_command() {
        let found = variables_of_flags(&Args::command());
        for variable in ["RINGBACK_URL", "RINGBACK_PROJECT", "RINGBACK_SIGNING_SECRET", "RINGBACK_CONFIG"] {
            assert!(found.iter().any(|of_flag| of_flag == variable), "{variable} in {found:?}");
        }
    }
}
