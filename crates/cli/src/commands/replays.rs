//! `ringback replays`.

mod confirm;
mod progress;
mod query;
mod watch;

use clap::Subcommand;
use http::Method;
use indicatif::HumanCount;
use serde_json::Value;

use self::confirm::Consent;
use self::query::Query;
use super::{PageArgs, print_list, print_one, print_text, segment};
use crate::args::Global;
use crate::client::ApiClient;
use crate::exit::CliError;
use crate::output::{self, Column};

pub(super) const PATH: &str = "/v1/webhook_replays";
const COLUMNS: [Column; 8] = [
    ("ID", &["id"]),
    ("MADE", &["created_at"]),
    ("STATUS", &["status"]),
    ("DELIVERIES", &["created_count"]),
    ("EXPECTED", &["expected_count"]),
    ("ENDPOINT", &["endpoint_id"]),
    ("TYPE", &["type"]),
    ("OF STATE", &["state"]),
];
const FIELDS: [Column; 20] = [
    ("id", &["id"]),
    ("status", &["status"]),
    ("endpoint", &["endpoint_id"]),
    ("source", &["source_id"]),
    ("type", &["type"]),
    ("object", &["object_id"]),
    ("of state", &["state"]),
    ("since", &["created_after"]),
    ("until", &["created_before"]),
    ("to", &["target_url"]),
    ("secret", &["signing_secret"]),
    ("per second", &["rate"]),
    ("expected", &["expected_count"]),
    ("deliveries", &["created_count"]),
    ("  pending", &["deliveries", "pending"]),
    ("  delivered", &["deliveries", "delivered"]),
    ("  dead", &["deliveries", "dead"]),
    ("  cancelled", &["deliveries", "cancelled"]),
    ("made", &["created_at"]),
    ("ended", &["finished_at"]),
];

/// What must be known of a replay while it is waited for.
const FIELDS_AT_FIRST: [Column; 2] = [("replay", &["id"]), ("secret", &["signing_secret"])];

/// What can be done with replays.
#[derive(Debug, Subcommand)]
pub(crate) enum ReplaysCommand {
    /// Send many events again: all that the flags leave over.
    #[command(
        after_help = "Examples:\n  ringback replays create --endpoint whe_... --missed --since 3d --wait\n  \
        ringback replays create --state dead --type order.paid --dry-run\n  \
        ringback replays create --since 2025-06-18T22:00:00Z --until 2h --to http://127.0.0.1:3000/\n\n\
        A person at a terminal is asked before a replay of more than 100 deliveries is made; where there is no terminal, \
        nothing is asked. --json with --wait prints the replay twice: when it was made, and when it has ended."
    )]
    Create {
        #[command(flatten)]
        query: Query,
        /// Only count the deliveries that it would make.
        #[arg(long, conflicts_with_all = ["wait", "yes"])]
        dry_run: bool,
        /// Wait until the last delivery has ended, as `replays watch` does.
        #[arg(long)]
        wait: bool,
        /// Ask nothing.
        #[arg(long, short)]
        yes: bool,
    },
    /// List replays, newest first.
    List {
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show a replay, and how its deliveries stand.
    Get {
        /// `whrp_…`
        id: String,
    },
    /// Watch a replay until its last delivery has ended.
    #[command(
        after_help = "Exit codes: 0 if all was delivered, 6 if something was not. Ctrl-C ends the watching and not the \
        replay, with 130."
    )]
    Watch {
        /// `whrp_…`
        id: String,
    },
    /// Call a replay off: it makes no more deliveries, and its pending ones are cancelled.
    Cancel {
        /// `whrp_…`
        id: String,
    },
}

/// Runs `ringback replays …`.
pub(crate) fn run(global: &Global, command: ReplaysCommand) -> Result<(), CliError> {
    let api = ApiClient::new(global)?;
    let replay = match command {
        ReplaysCommand::Create { query, dry_run: true, .. } => return preview(global, &api, &query),
        ReplaysCommand::Create { query, wait, yes, .. } => {
            let replay = create(&api, &query, yes)?;
            show(global, &replay, if wait { &FIELDS_AT_FIRST } else { &FIELDS })?;
            return match wait {
                true => watch(global, &api, replay["id"].as_str().unwrap_or_default()),
                false => Ok(()),
            };
        }
        ReplaysCommand::List { page } => {
            let answer = api.call(Method::GET, &page.path(PATH, &[]), None)?;
            return print_list(global, &answer, &COLUMNS, "no replays");
        }
        ReplaysCommand::Watch { id } => return watch(global, &api, &id),
        ReplaysCommand::Get { id } => api.call(Method::GET, &one(&id), None)?,
        ReplaysCommand::Cancel { id } => api.call(Method::POST, &format!("{}/cancel", one(&id)), None)?,
    };
    show(global, &replay, &FIELDS)
}

fn preview(global: &Global, api: &ApiClient, query: &Query) -> Result<(), CliError> {
    let preview = api.call(Method::POST, PATH, Some(&query.body(true)))?;
    print_text(global, &preview, format_args!("{} would be made", count_of(&preview)))
}

fn create(api: &ApiClient, query: &Query, yes: bool) -> Result<Value, CliError> {
    if !yes && confirm::is_person() {
        let preview = api.call(Method::POST, PATH, Some(&query.body(true)))?;
        if confirm::ask(&preview, std::io::stdin().lock(), output::ask) == Consent::Refused {
            return Err(CliError::Failed {
                message: "not confirmed: nothing is replayed".into(),
                source: None,
            });
        }
    }
    api.call(Method::POST, PATH, Some(&query.body(false)))
}

fn watch(global: &Global, api: &ApiClient, id: &str) -> Result<(), CliError> {
    let replay = watch::until_ended(global, api, id)?;
    show(global, &replay, &FIELDS)?;
    watch::verdict(global, &replay)
}

fn show(global: &Global, replay: &Value, columns: &[Column]) -> Result<(), CliError> {
    print_one(global, replay, columns)?;
    if global.json {
        return Ok(());
    }
    if replay["signing_secret"].is_string() {
        output::talk("keep the secret now: it is not shown again, and signs for this replay alone");
    }
    Ok(())
}

/// How many deliveries a preview, or what was missed, comes to: `at least 1,000,000 deliveries`.
pub(super) fn count_of(preview: &Value) -> String {
    let count = preview["count"].as_u64().unwrap_or_default();
    let at_least = if preview["count_is_minimum"] == true { "at least " } else { "" };
    let noun = if count == 1 { "delivery" } else { "deliveries" };
    format!("{at_least}{} {noun}", HumanCount(count))
}

fn one(id: &str) -> String {
    format!("{PATH}/{}", segment(id))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_are_said_as_people_say_them() {
        assert_eq!(count_of(&json!({ "count": 1, "count_is_minimum": false })), "1 delivery");
        assert_eq!(
            count_of(&json!({ "count": 1234, "count_is_minimum": true })),
            "at least 1,234 deliveries"
        );
    }
}
