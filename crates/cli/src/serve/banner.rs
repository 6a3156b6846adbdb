//! What `serve` says once it is ready.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use anstyle::Style;
use serde_json::json;
use tokio::net::TcpListener;
use url::Url;

use super::VERSION;
use super::admin_key::AdminKey;
use super::store::Opened;
use crate::exit::CliError;
use crate::output;
use crate::settings::Settings;

/// Prints one JSON line on stdout with `--json`, else a few lines on stderr. The admin key is shown only when
/// it was made just now, and only to a terminal.
pub(crate) fn ready(
    settings: &Settings,
    public_url: &Url,
    listener: &TcpListener,
    opened: &Opened,
    admin_key: &AdminKey,
    json: bool,
) -> Result<(), CliError> {
    let address = listener.local_addr().map_err(CliError::cannot_start)?;
    let url = format!("http://{address}");
    if json {
        let line = json!({
            "object": "server",
            "version": VERSION,
            "url": url,
            "public_url": public_url.as_str().trim_end_matches('/'),
            "data_dir": settings.data_dir,
            "database": opened.kind,
            "node": opened.node,
            "admin_key": admin_key.origin(),
        });
        // A program may wait for this line on a pipe; that it does not is no reason to fail.
        let _ = output::line(line);
        return Ok(());
    }
    output::talk(text(settings, public_url, &url, opened, admin_key));
    Ok(())
}

fn text(settings: &Settings, public_url: &Url, url: &str, opened: &Opened, admin_key: &AdminKey) -> String {
    let bold = Style::new().bold();
    let mode = if settings.dev { " (development: local endpoints are allowed)" } else { "" };
    let mut text = format!("{bold}Ringback {VERSION}{bold:#} is ready{mode}");
    let mut add = |name: &str, value: String| {
        // To a text everything can be written.
        let _ = write!(text, "\n  {name:<13} {value}");
    };
    add("listening on", url.to_owned());
    if public_url.as_str().trim_end_matches('/') != url {
        add("reached by", public_url.to_string());
    }
    match &opened.database {
        Some(database) => add("data in", format!("the PostgreSQL database {database}")),
        None => add("data in", settings.data_dir.display().to_string()),
    }
    if let Some(node) = &opened.node {
        add("node", node.clone());
    }
    let admin_key = match admin_key {
        AdminKey::Given => "the one that the setting `admin_key` gives".to_owned(),
        AdminKey::Found(file) => format!("in {}", file.display()),
        AdminKey::Made { key, file } if std::io::stderr().is_terminal() => {
            format!("{bold}{}{bold:#} (kept in {})", key.as_str(), file.display())
        }
        AdminKey::Made { file, .. } => format!("made now, in {}", file.display()),
        AdminKey::Unknown => {
            "the one that the nodes of this database have; this node does not know it".to_owned()
        }
    };
    add("admin key", admin_key);
    add("to stop", "Ctrl-C, or SIGTERM".to_owned());
    text
}
