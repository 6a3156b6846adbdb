//! `ringback replays`.

mod confirm;
mod figures;
mod progress;
mod query;
mod standstill;
mod view;
mod watch;

use clap::Subcommand;
use http::Method;
use indicatif::HumanCount;
use serde_json::Value;

use self::confirm::Consent;
use self::figures::Figures;
use self::query::Query;
use self::view::{COLUMNS, FIELDS, FIELDS_AT_FIRST, show};
use super::{PageArgs, consent, hold, items, print_list, print_text, segment};
use crate::args::Global;
use crate::client::ApiClient;
use crate::exit::CliError;
use crate::output;

pub(super) const PATH: &str = "/v1/webhook_replays";
/// What can be done with replays.
#[derive(Debug, Subcommand)]
pub(crate) enum ReplaysCommand {
    /// Send many events again: all that the flags leave over.
    #[command(
        after_help = "Examples:\n  ringback replays create --endpoint whe_... --missed --since 3d --wait\n  \
        ringback replays create --state dead --type order.paid --dry-run\n  \
        ringback replays create --since 2025-06-18T22:00:00Z --until 2h --to http://127.0.0.1:3000/\n\n\
        A person at a terminal is asked before a replay of more than 100 deliveries is made. Where there is no terminal, \
        nothing is asked, but a replay of everything, which no flag narrows down, needs --yes. Tests of endpoints are never sent again, though failed ones \
        are counted and listed as dead. --json with --wait prints the replay twice: when it was made, and when it has ended."
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
            let (replay, said) = create(global, &api, &query, yes)?;
            return after_creation(global, &api, &replay, wait, said);
        }
        ReplaysCommand::List { page } => {
            let answer = api.call(Method::GET, &page.path(PATH, &[]), None)?;
            let columns = output::columns_in_use(items(&answer), &COLUMNS);
            return print_list(global, &answer, &columns, "no replays");
        }
        ReplaysCommand::Watch { id } => return watch(global, &api, &id),
        ReplaysCommand::Get { id } => api.call(Method::GET, &one(&id), None)?,
        ReplaysCommand::Cancel { id } => api.call(Method::POST, &format!("{}/cancel", one(&id)), None)?,
    };
    show(global, &replay, &FIELDS)
}

fn preview(global: &Global, api: &ApiClient, query: &Query) -> Result<(), CliError> {
    let preview = api.call(Method::POST, PATH, Some(&query.body(true)))?;
    tell_hold(global, api, query);
    match preview["count"] == 0 && preview["count_is_minimum"] != true {
        true => print_text(global, &preview, "nothing to send again"),
        false => print_text(global, &preview, format_args!("{} would be made", count_of(&preview))),
    }
}

/// Makes it, after a question if there is somebody to ask. With what was said about what holds its endpoint
/// back.
fn create(
    global: &Global,
    api: &ApiClient,
    query: &Query,
    yes: bool,
) -> Result<(Value, Option<String>), CliError> {
    let is_asked = !yes && consent::is_person();
    if !yes && !is_asked && query.is_of_everything() {
        return Err(CliError::Usage(
            "this would send every event again: narrow it down (--endpoint, --since, --state, ...), or say --yes"
                .into(),
        ));
    }
    let mut said = None;
    if is_asked {
        let preview = api.call(Method::POST, PATH, Some(&query.body(true)))?;
        said = tell_hold(global, api, query);
        let answers = std::io::stdin().lock();
        let consent = confirm::ask(&preview, &query.destination(), query.rate(), answers, output::ask);
        if consent == Consent::Refused {
            return Err(CliError::Declined { message: "not confirmed: nothing is replayed".into() });
        }
    }
    let replay = api.call(Method::POST, PATH, Some(&query.body(false)))?;
    Ok((replay, said.or_else(|| if is_asked { None } else { tell_hold(global, api, query) })))
}

/// Says what holds back the endpoint that is named, if it is called.
fn tell_hold(global: &Global, api: &ApiClient, query: &Query) -> Option<String> {
    let id = query.called_endpoint().filter(|_| !global.json)?;
    hold::tell_of(global, api, id)
}

fn after_creation(
    global: &Global,
    api: &ApiClient,
    replay: &Value,
    wait: bool,
    said: Option<String>,
) -> Result<(), CliError> {
    let id = replay["id"].as_str().unwrap_or_default();
    if !global.json && Figures::of(replay).is_empty() {
        return output::line(format_args!("nothing to send again ({id})"));
    }
    let shown = show(global, replay, if wait { &FIELDS_AT_FIRST } else { &FIELDS });
    output::or_say(shown, || {
        let typed = global.typed();
        Some(format!("the replay {id} was made: `ringback replays cancel {id}{typed}` calls it off"))
    })?;
    match wait {
        true => follow(global, api, id, said),
        false => Ok(()),
    }
}

fn watch(global: &Global, api: &ApiClient, id: &str) -> Result<(), CliError> {
    let replay = api.call(Method::GET, &one(id), None)?;
    let is_under_way = replay["target_url"].is_null() && !Figures::of(&replay).has_ended();
    let endpoint = replay["endpoint_id"].as_str().filter(|_| is_under_way && !global.json);
    let said = endpoint.and_then(|endpoint| hold::tell_of(global, api, endpoint));
    follow(global, api, id, said)
}

fn follow(global: &Global, api: &ApiClient, id: &str, said: Option<String>) -> Result<(), CliError> {
    let replay = watch::until_ended(global, api, id, said)?;
    show(global, &replay, &FIELDS)?;
    watch::verdict(global, &replay)
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
