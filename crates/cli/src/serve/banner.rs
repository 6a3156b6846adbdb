//! What `serve` says once it is ready.

use std::io::{IsTerminal, Write};

use anstream::{eprintln, println};
use anstyle::Style;
use serde_json::json;
use tokio::net::TcpListener;
use url::Url;

use super::VERSION;
use super::admin_key::AdminKey;
use crate::exit::CliError;
use crate::settings::Settings;

/// Prints one JSON line on stdout with `--json`, else a few lines on stderr. The admin key is shown only when it was made
/// just now, and only to a terminal.
pub(crate) fn ready(
    settings: &Settings,
    public_url: &Url,
    listener: &TcpListener,
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
        });
        println!("{line}");
        // A program may wait for this line on a pipe; that it does not is no reason to fail.
        let _ = std::io::stdout().flush();
        return Ok(());
    }
    let bold = Style::new().bold();
    let mode = if settings.dev { " (development: local endpoints are allowed)" } else { "" };
    eprintln!("{bold}Ringback {VERSION}{bold:#} is ready{mode}");
    eprintln!("  listening on  {url}");
    if public_url.as_str().trim_end_matches('/') != url {
        eprintln!("  reached by    {public_url}");
    }
    eprintln!("  data in       {}", settings.data_dir.display());
    match admin_key {
        AdminKey::Given => eprintln!("  admin key     the one given by RINGBACK_ADMIN_KEY"),
        AdminKey::Found(file) => eprintln!("  admin key     in {}", file.display()),
        AdminKey::Made { key, file } if std::io::stderr().is_terminal() => {
            eprintln!("  admin key     {bold}{}{bold:#} (kept in {})", key.as_str(), file.display());
        }
        AdminKey::Made { file, .. } => eprintln!("  admin key     made now, in {}", file.display()),
    }
    eprintln!("  to stop       Ctrl-C, or SIGTERM");
    Ok(())
}
