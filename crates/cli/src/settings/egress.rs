//! What may be reached, and by which way: the settings `egress.…`. `docs/EGRESS.md` explains them.

use std::error::Error;
use std::path::PathBuf;

use ringback_egress::{Policy, Proxy, add_ca_file};
use rustls::RootCertStore;
use serde::Deserialize;

use super::SecretText;
use crate::exit::CliError;

/// The guard on outbound connections.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EgressSettings {
    /// Networks, addresses and hosts beyond public HTTPS that endpoints may be on, also over plain HTTP:
    /// `10.0.0.0/8`, `127.0.0.1:3000`, `app.internal`. Default none.
    pub(crate) allow: Vec<String>,
    /// Ports that are refused on every host, unless a rule of `allow` names host and port. Default: those of
    /// SMTP, SSH, DNS, databases and others where no HTTP is spoken (`docs/EGRESS.md` lists them); what is
    /// given here replaces them, and `[]` denies none.
    pub(crate) deny_ports: Option<Vec<u16>>,
    /// The HTTP proxy that every call goes through, by a tunnel (`CONNECT`):
    /// `http://user:password@proxy.internal:3128`. Its own address is not judged. Default none. With
    /// credentials, better given by the environment than by a file.
    pub(crate) proxy: Option<SecretText>,
    /// For networks where only the proxy can resolve names: it is given the name, and which addresses that
    /// may lead to is then **the proxy's to judge**. Literal addresses are still judged here. Default false.
    pub(crate) proxy_resolves: bool,
    /// A PEM file of certificate authorities that endpoints' certificates may come from, besides the
    /// machine's own. Default none.
    pub(crate) ca_file: Option<PathBuf>,
}

impl EgressSettings {
    /// What may be reached.
    pub(super) fn policy(&self, dev: bool) -> Result<Policy, CliError> {
        if self.proxy_resolves && self.proxy.is_none() {
            return Err(CliError::Usage("egress.proxy_resolves is set, but there is no egress.proxy".into()));
        }
        let mut policy = if dev { Policy::dev() } else { Policy::public_only() };
        if let Some(ports) = &self.deny_ports {
            policy = policy.deny_ports(ports.iter().copied());
        }
        if self.proxy_resolves {
            policy = policy.leave_names_to_proxy();
        }
        policy.allow(&self.allow).map_err(|error| CliError::Usage(format!("egress.allow: {error}")))
    }

    /// The proxy that calls go through. Whatever is wrong with it, its text is not shown.
    pub(crate) fn proxy(&self) -> Result<Option<Proxy>, CliError> {
        let proxy = self.proxy.as_ref().map(|text| Proxy::parse(text.reveal())).transpose();
        proxy.map_err(|error| CliError::Usage(format!("egress.proxy: {error}")))
    }

    /// Adds the authorities of `ca_file`, if there is one, to those that are trusted.
    pub(crate) fn trust(&self, roots: &mut RootCertStore) -> Result<(), CliError> {
        let Some(path) = &self.ca_file else { return Ok(()) };
        let added = add_ca_file(roots, path).map_err(|error| {
            let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
            CliError::Usage(format!("egress.ca_file {}: {error}{cause}", path.display()))
        })?;
        tracing::info!(count = added, "certificate authorities read from egress.ca_file");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use figment::Figment;
    use figment::providers::{Format, Toml};

    use super::*;

    fn read(toml: &str) -> EgressSettings {
        Figment::from(Toml::string(toml)).extract().unwrap()
    }

    /// The code of the refusal of a URL, `ok` if there is none.
    fn verdict(toml: &str, url: &str) -> &'static str {
        let policy = read(toml).policy(false).unwrap();
        policy.check_url(url).err().map_or("ok", |refusal| refusal.code())
    }

    #[test]
    fn the_defaults_are_public_https_without_other_protocols_ports() {
        assert_eq!(verdict("", "https://app.example.com/"), "ok");
        assert_eq!(verdict("", "https://app.example.com:25/"), "port_not_allowed");
        assert_eq!(verdict("", "http://app.internal/"), "plain_http_not_allowed");
        assert!(read("").proxy().unwrap().is_none());
        let mut roots = RootCertStore::empty();
        read("").trust(&mut roots).unwrap();
        assert!(roots.is_empty());
    }

    #[test]
    fn ports_replace_the_default_and_a_rule_with_a_port_wins() {
        for (toml, url, expected) in [
            ("deny_ports = [8443]", "https://app.example.com:8443/", "port_not_allowed"),
            ("deny_ports = [8443]", "https://app.example.com:25/", "ok"),
            ("deny_ports = []", "https://app.example.com:25/", "ok"),
            (r#"allow = ["app.example.com:25"]"#, "https://app.example.com:25/", "ok"),
            (r#"allow = ["app.example.com"]"#, "https://app.example.com:25/", "port_not_allowed"),
        ] {
            assert_eq!(verdict(toml, url), expected, "{toml} {url}");
        }
    }

    #[test]
    fn names_are_left_to_a_proxy_only_where_there_is_one() {
        let toml = "proxy = 'http://proxy.internal:3128'\nproxy_resolves = true\nallow = ['10.0.0.0/8']";
        assert_eq!(
            verdict(toml, "http://app.internal/"),
            "plain_http_not_allowed",
            "its addresses are not seen"
        );
        let error = read("proxy_resolves = true").policy(false).unwrap_err().to_string();
        assert_eq!(error, "egress.proxy_resolves is set, but there is no egress.proxy");
    }

    #[test]
    fn a_proxy_is_read_and_never_shown() {
        let settings = read("proxy = 'http://user:hidden@proxy.internal:3128'");
        assert!(settings.proxy().unwrap().is_some());
        assert!(!format!("{settings:?} {:?}", settings.proxy().unwrap()).contains("hidden"));
        let error = read("proxy = 'socks5://user:hidden@proxy.internal'").proxy().unwrap_err().to_string();
        assert!(error.starts_with("egress.proxy: ") && error.contains("socks5"), "{error}");
        assert!(!error.contains("hidden"), "{error}");
    }

    #[test]
    fn an_authority_file_that_is_none_is_refused_by_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().display();
        for (toml, reason) in [
            (format!("ca_file = '{path}'"), "it holds no certificate in PEM"),
            ("ca_file = '/does/not/exist.pem'".to_owned(), "it cannot be read: No such file"),
        ] {
            let error = read(&toml).trust(&mut RootCertStore::empty()).unwrap_err().to_string();
            assert!(error.starts_with("egress.ca_file /") && error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_setting_that_does_not_exist_is_an_error() {
        for toml in ["deny_port = [25]", "deny_ports = [70000]", "proxies = 'http://a'"] {
            assert!(Figment::from(Toml::string(toml)).extract::<EgressSettings>().is_err(), "{toml}");
        }
    }
}
