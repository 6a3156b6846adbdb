//! The release binary that is measured: given, or built now.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::args::Args;
use crate::failure::{Failure, tell};

/// The binary's path. Refuses to measure beside a floor that is a debug build.
pub(crate) fn find_or_build(args: &Args) -> Result<PathBuf, Failure> {
    if cfg!(debug_assertions) && !args.quick {
        return Err(Failure::DebugBuild);
    }
    match &args.ringback {
        Some(given) => std::path::absolute(given).map_err(Failure::io("find the binary")),
        None => build(&args.cargo),
    }
}

fn build(cargo: &Path) -> Result<PathBuf, Failure> {
    tell("building the release binary");
    let output = Command::new(cargo)
        .args(["build", "--release", "--package", "ringback", "--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .map_err(Failure::io("run cargo"))?;
    let made =
        output.status.success().then(|| executable(&String::from_utf8_lossy(&output.stdout))).flatten();
    made.ok_or(Failure::Build)
}

/// The executable that cargo's messages, one JSON document a line, say was made.
fn executable(messages: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "ringback")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::executable;

    #[test]
    fn the_executable_is_found_among_the_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"http"},"executable":null}
not JSON
{"reason":"compiler-artifact","target":{"name":"ringback"},"executable":"/t/release/ringback"}"#;
        assert_eq!(executable(messages), Some("/t/release/ringback".into()));
        assert_eq!(executable(""), None);
    }
}
