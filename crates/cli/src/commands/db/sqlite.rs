//! A database file.

use std::path::Path;

use indicatif::HumanBytes;
use ringback_store::{SqliteStatus, migrate_sqlite, sqlite_status};
use serde_json::{Value, json};

use super::{found, schema_in_words};
use crate::args::Global;
use crate::exit::CliError;
use crate::output;

/// Says how it is.
pub(super) fn status(global: &Global, data_dir: &Path) -> Result<(), CliError> {
    let Some(status) = sqlite_status(data_dir).map_err(|error| CliError::failed_by(&error))? else {
        return Err(nothing_in(data_dir));
    };
    let needs = match status.pending.as_slice() {
        [] => Vec::new(),
        pending => vec![format!(
            "the schema lacks {}: the next start of this version applies it, or `ringback db migrate`",
            pending.join(", ")
        )],
    };
    found(global, as_json(&status), needs, || output::named(&in_words(&status)))
}

/// Brings the schema up to date.
pub(super) fn migrate(data_dir: &Path, contract: bool) -> Result<Vec<String>, CliError> {
    if contract {
        return Err(CliError::Usage(
            "--contract is for a PostgreSQL database: name one with --database".into(),
        ));
    }
    let applied = migrate_sqlite(data_dir).map_err(|error| CliError::failed_by(&error))?;
    applied.ok_or_else(|| nothing_in(data_dir))
}

fn nothing_in(data_dir: &Path) -> CliError {
    let message = format!(
        "there is no database in {}: `ringback serve` makes one; --data-dir names another folder, --database a PostgreSQL database",
        data_dir.display()
    );
    CliError::Failed { message, source: None }
}

fn as_json(status: &SqliteStatus) -> Value {
    json!({
        "object": "database_status",
        "kind": "sqlite",
        "path": status.path,
        "sqlite_version": status.sqlite_version,
        "size_bytes": status.size_bytes,
        "log_bytes": status.log_bytes,
        "page_bytes": status.page_bytes,
        "free_pages": status.free_pages,
        "schema": {
            "version": status.schema_version,
            "newest_known": status.newest_known,
            "pending_expansions": status.pending,
            "pending_contractions": [],
        },
    })
}

fn in_words(status: &SqliteStatus) -> [(&'static str, String); 6] {
    let free = HumanBytes(status.free_pages * status.page_bytes);
    [
        ("database", status.path.display().to_string()),
        ("program", format!("SQLite {}", status.sqlite_version)),
        ("size", HumanBytes(status.size_bytes).to_string()),
        ("log", HumanBytes(status.log_bytes).to_string()),
        ("free", format!("{free} in {} pages", status.free_pages)),
        ("schema", schema_in_words(status.schema_version, status.newest_known, status.pending.len())),
    ]
}
