//! The server that commands talk to, and the key that they show it.

use std::env;
use std::ffi::OsString;

use url::{Host, Url};
use zeroize::Zeroizing;

use crate::args::Global;
use crate::exit::CliError;
use crate::serve;
use crate::settings::default_data_dir;

/// The server that commands talk to when none is named.
const DEFAULT_URL: &str = "http://127.0.0.1:4600";

/// The URL that paths such as `/v1/webhook_events` are put after: the one that was named, also with the `/v1`
/// that the SDKs' base URL ends in. An empty one is as none.
pub(super) fn url(named: Option<&str>) -> Result<String, CliError> {
    let Some(named) = named.map(str::trim).filter(|named| !named.is_empty()) else {
        return Ok(DEFAULT_URL.to_owned());
    };
    let is_right = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.host().is_some()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    if !Url::parse(named).is_ok_and(|url| is_right(&url)) {
        return Err(CliError::Usage(format!(
            "the server is named by a URL such as {DEFAULT_URL} (--server, or RINGBACK_URL), and not by `{named}`"
        )));
    }
    let url = named.trim_end_matches('/');
    Ok(url.strip_suffix("/v1").unwrap_or(url).trim_end_matches('/').to_owned())
}

/// The key to the server at this URL: the environment's, or the one in the data folder.
#[expect(clippy::disallowed_methods, reason = "the composition root reads the environment")]
pub(super) fn key(global: &Global, url: &str) -> Result<Zeroizing<String>, CliError> {
    for name in ["RINGBACK_API_KEY", "RINGBACK_ADMIN_KEY"] {
        if let Some(key) = env::var_os(name).filter(|key| !key.is_empty()) {
            return given_key(name, key);
        }
    }
    // The key in this machine's own folder is nobody else's business.
    if global.data_dir.is_none() && !is_on_this_machine(url) {
        return Err(CliError::Usage(format!(
            "no key to {url}: set RINGBACK_API_KEY; the key in this machine's data folder is given to this machine's server only"
        )));
    }
    let data_dir = global.data_dir.clone().unwrap_or_else(default_data_dir);
    let file = data_dir.join("admin-key").display().to_string();
    let key = serve::read_admin_key(&data_dir).map_err(|error| {
        CliError::Usage(format!(
            "no key to the server: set RINGBACK_API_KEY, or name its data folder with --data-dir ({file}: {error})"
        ))
    })?;
    checked(&file, key)
}

/// A key that was given is the one to use: if it cannot be one, that is said, and no other is tried in its
/// place.
fn given_key(name: &str, key: OsString) -> Result<Zeroizing<String>, CliError> {
    match key.into_string() {
        // A variable is often set from a file, with the end of its line.
        Ok(key) => checked(name, Zeroizing::new(Zeroizing::new(key).trim().to_owned())),
        Err(_) => Err(no_key(name)),
    }
}

fn checked(place: &str, key: Zeroizing<String>) -> Result<Zeroizing<String>, CliError> {
    match !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(key),
        false => Err(no_key(place)),
    }
}

fn no_key(place: &str) -> CliError {
    CliError::Usage(format!(
        "{place} holds no key: one is visible ASCII characters without blanks and line breaks"
    ))
}

/// Whether a URL names a loopback address.
fn is_on_this_machine(url: &str) -> bool {
    match Url::parse(url).ok().as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    #[test]
    fn the_machines_own_key_is_for_loopback_only() {
        for own in ["http://127.0.0.1:4600", "http://127.9.9.9", "http://localhost:1", "http://[::1]:4600"] {
            assert!(is_on_this_machine(own), "{own}");
        }
        for other in
            ["http://10.0.0.1:4600", "https://hooks.example.com", "http://localhost.example", "127.0.0.1", ""]
        {
            assert!(!is_on_this_machine(other), "{other}");
        }
    }

    #[test]
    fn a_server_is_named_by_its_url_or_by_the_sdks_base_url() {
        for named in [None, Some(""), Some(" ")] {
            assert_eq!(url(named).unwrap(), DEFAULT_URL, "{named:?}");
        }
        for (named, expected) in [
            ("http://127.0.0.1:4700/", "http://127.0.0.1:4700"),
            ("http://127.0.0.1:4600/v1", DEFAULT_URL),
            ("http://127.0.0.1:4600/v1/", DEFAULT_URL),
            ("https://example.com/hooks/v1", "https://example.com/hooks"),
            ("https://example.com/hooks/av1", "https://example.com/hooks/av1"),
        ] {
            assert_eq!(url(Some(named)).unwrap(), expected);
        }
        for wrong in
            ["127.0.0.1:4600", "localhost:4600", "foo", "ftp://x", "http://", "http://x/?y", "http://a:b@x"]
        {
            let error = url(Some(wrong)).unwrap_err().to_string();
            assert!(error.contains("a URL such as http://127.0.0.1:4600"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_key_that_cannot_be_one_is_refused_and_never_shown() {
        let given = |bytes: &[u8]| given_key("RINGBACK_API_KEY", OsString::from_vec(bytes.to_vec()));
        assert_eq!(given(b" sk-1\r\n").unwrap().as_str(), "sk-1");
        for wrong in [&b"sk-\xff"[..], b"sk\r1", b"sk 1", "sk-\u{e9}".as_bytes(), b"\n"] {
            let error = given(wrong).unwrap_err().to_string();
            assert!(error.starts_with("RINGBACK_API_KEY holds no key") && !error.contains("sk"), "{error}");
        }
    }
}
