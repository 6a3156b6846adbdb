//! Where the server is: a `postgres://` URL, as every PostgreSQL tool takes it, and what it says of TLS.
//!
//! `sslmode` is `disable`, or `verify-full`: encrypted, by a certificate of a known authority that names the
//! host. `require` and `verify-ca` mean `verify-full` here, since encryption to an unknown peer protects
//! little. Without `sslmode` the connection to another machine is `verify-full`, and that to this one (a
//! socket's folder, a loopback address, `localhost`) is not encrypted. `sslrootcert` names a PEM file of the
//! authorities that are known, in place of those that the program has ([`PostgresAddress::knowing`]).
//!
//! Several hosts, separated by commas, are one primary and its standbys: the one that takes writes is used,
//! whichever that is.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use rustls::RootCertStore;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use super::connecting;

/// How long making a connection may take, over all hosts, unless `connect_timeout` says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The least time that each host gets of it.
const MIN_FOR_EACH: Duration = Duration::from_millis(1500);
/// The port where none is said.
const DEFAULT_PORT: u16 = 5432;
/// How long what was sent may stay unacknowledged until the connection counts as lost.
const LOST_AFTER: Duration = Duration::from_secs(10);

/// A server, a database there, and who connects. `Debug` and `Display` show no password.
#[derive(Clone)]
pub struct PostgresAddress {
    pub(super) config: Config,
    pub(super) root_certificates: Option<PathBuf>,
    /// Who is believed where no file is named.
    pub(super) authorities: Arc<RootCertStore>,
    /// The same for each of the hosts.
    pub(super) hosts: Arc<[Config]>,
    /// Which of them took writes when last asked.
    pub(super) writing_host: Arc<AtomicUsize>,
    setting: &'static str,
}

/// A text that is not such an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It has another form.
    #[error("the address of a PostgreSQL database is postgres://user:password@host:port/database")]
    Form,
    /// It has a parameter that is none, or one whose value is none.
    #[error("the parameter `{name}` of the address is not known, or cannot have that value")]
    Parameter {
        /// The parameter's name, without its value.
        name: String,
    },
    /// TLS is asked for in a way that is not known.
    #[error("sslmode is disable or verify-full")]
    SslMode,
}

impl PostgresAddress {
    /// The same, said by the setting of this name, which messages name. Else it is `database`.
    #[must_use]
    pub fn said_by(self, setting: &'static str) -> Self {
        Self { setting, ..self }
    }

    /// The same, with the authorities whose certificates are believed unless `sslrootcert` names others.
    /// Default: none.
    #[must_use]
    pub fn knowing(self, authorities: Arc<RootCertStore>) -> Self {
        Self { authorities, ..self }
    }

    /// Whether it is of any use to it that it knows authorities: it is encrypted, and names none.
    #[must_use]
    pub fn needs_authorities(&self) -> bool {
        self.is_encrypted() && self.root_certificates.is_none()
    }

    /// The setting that says it.
    #[must_use]
    pub fn setting(&self) -> &'static str {
        self.setting
    }

    /// Whether connections are encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.config.get_ssl_mode() != SslMode::Disable
    }

    /// How long a host has to give a connection that can be used.
    pub(super) fn time_for_each(&self) -> Duration {
        let in_all = self.config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT);
        let hosts = u32::try_from(self.hosts.len().max(1)).unwrap_or(u32::MAX);
        (in_all / hosts).max(MIN_FOR_EACH)
    }
}

impl FromStr for PostgresAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(AddressError::Form);
        }
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let (mut rest, mut ssl_mode, mut root_certificates) = (Vec::new(), None, None);
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", mode)) => ssl_mode = Some(read_ssl_mode(mode)?),
                Some(("sslrootcert", path)) => root_certificates = Some(PathBuf::from(decode(path)?)),
                _ => rest.push(parameter),
            }
        }
        let parsed = format!("{base}?{}", rest.join("&")).parse();
        let mut config: Config = parsed.map_err(|_| unreadable(query, &rest))?;
        // A `@` or `/` in a password that is not encoded ends it: the rest of it must not become a host or a
        // database, which messages name.
        if is_cut_password(base) {
            return Err(AddressError::Form);
        }
        let is_near = !config.get_hosts().is_empty() && config.get_hosts().iter().all(is_this_machine);
        let unless_said = if is_near { SslMode::Disable } else { SslMode::Require };
        config.ssl_mode(ssl_mode.unwrap_or(unless_said));
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_application_name().is_none() {
            config.application_name("ringback");
        }
        config.tcp_user_timeout(LOST_AFTER).keepalives_idle(LOST_AFTER).keepalives_interval(LOST_AFTER / 3);
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        let hosts = connecting::hosts(&config).into();
        let authorities = Arc::new(RootCertStore::empty());
        let (writing_host, setting) = (Arc::default(), "database");
        Ok(Self { config, root_certificates, authorities, hosts, writing_host, setting })
    }
}

/// Whether more than one `@` is there, or one after the path began.
fn is_cut_password(base: &str) -> bool {
    let (_, rest) = base.split_once("://").unwrap_or_default();
    let (before, after) = rest.split_once('@').unwrap_or(("", rest));
    before.contains('/') || after.contains('@')
}

/// What is wrong with an address. A name is said only where it can be no part of a password that has a `?` in
/// it.
fn unreadable(query: &str, parameters: &[&str]) -> AddressError {
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let wrong = parameters.iter().find(|&&one| format!("postgres://host/?{one}").parse::<Config>().is_err());
    match wrong.map(|one| one.split_once('=').unwrap_or((one, "")).0) {
        Some(name) if is_name(name) && !query.contains('@') => {
            AddressError::Parameter { name: name.to_owned() }
        }
        _ => AddressError::Form,
    }
}

fn read_ssl_mode(mode: &str) -> Result<SslMode, AddressError> {
    match mode {
        "disable" => Ok(SslMode::Disable),
        "require" | "verify-ca" | "verify-full" => Ok(SslMode::Require),
        _ => Err(AddressError::SslMode),
    }
}

fn decode(text: &str) -> Result<String, AddressError> {
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    Ok(decoded.map_err(|_| AddressError::Form)?.into_owned())
}

fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            let address = name.trim_start_matches('[').trim_end_matches(']');
            name == "localhost" || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// The database and the server, for messages.
impl fmt::Display for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let database = self.config.get_dbname().or(self.config.get_user()).unwrap_or("postgres");
        write!(f, "{database} at ")?;
        let ports = self.config.get_ports();
        for (index, host) in self.config.get_hosts().iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            let port = ports.get(index).or_else(|| ports.first()).unwrap_or(&DEFAULT_PORT);
            match host {
                Host::Tcp(name) if name.contains(':') => write!(f, "{comma}[{name}]:{port}")?,
                Host::Tcp(name) => write!(f, "{comma}{name}:{port}")?,
                #[cfg(unix)]
                Host::Unix(folder) => write!(f, "{comma}{}:{port}", folder.display())?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresAddress({self}, [REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> PostgresAddress {
        text.parse().unwrap()
    }

    #[test]
    fn another_machine_is_spoken_to_encrypted_unless_it_is_said_otherwise() {
        for (text, encrypted) in [
            ("postgres://u:p@db.example/ringback", true),
            ("postgresql://u@db.example:6432/ringback?connect_timeout=3", true),
            ("postgres://u@db.example/ringback?sslmode=disable", false),
            ("postgres://u@db.example/ringback?sslmode=verify-full", true),
            ("postgres://u@db.example/ringback?sslmode=require", true),
            ("postgres://u@localhost/ringback", false),
            ("postgres://u@127.0.0.1:5433/ringback", false),
            ("postgres://u@[::1]/ringback", false),
            ("postgres://u@localhost/ringback?sslmode=verify-full", true),
            ("postgres://u@%2Frun%2Fpostgresql/ringback", false),
            ("postgres:///ringback?host=/run/postgresql&user=u", false),
            ("postgres://u@localhost,db.example/ringback", true),
        ] {
            assert_eq!(parse(text).is_encrypted(), encrypted, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "postgres://u:p@ss@h/d",
            "postgres://u:12/pw@h/d",
            "db.example",
            "host=db.example user=u",
            "mysql://u@h/d",
            "postgres://u@h:x/d",
        ] {
            assert_eq!(text.parse::<PostgresAddress>().unwrap_err(), AddressError::Form, "{text}");
        }
        for (text, name) in [
            ("postgres://u@h/d?nonsense=1", "nonsense"),
            ("postgres://u@h/d?sslmode=disable&sslcert=/x", "sslcert"),
            ("postgres://u@h/d?application_name=x&connect_timeout=soon", "connect_timeout"),
        ] {
            let named = AddressError::Parameter { name: name.to_owned() };
            assert_eq!(text.parse::<PostgresAddress>().unwrap_err(), named, "{text}");
        }
        for password in ["1?hunter@h/d?fancy=1", "1?Hunter2/"] {
            let text = format!("postgres://u:{password}");
            assert_eq!(text.parse::<PostgresAddress>().unwrap_err(), AddressError::Form, "{text}");
        }
        for mode in ["prefer", "allow", "", "Disable"] {
            let text = format!("postgres://u@h/d?sslmode={mode}");
            assert_eq!(text.parse::<PostgresAddress>().unwrap_err(), AddressError::SslMode);
        }
    }

    #[test]
    fn authorities_are_needed_where_encryption_names_none() {
        for (text, needed) in [
            ("postgres://u@db.example/d", true),
            ("postgres://u@db.example/d?sslrootcert=/ca.pem", false),
            ("postgres://u@localhost/d", false),
        ] {
            assert_eq!(parse(text).needs_authorities(), needed, "{text}");
        }
    }

    #[test]
    fn the_authorities_are_a_file_of_ones_own() {
        let address = parse("postgres://u@db.example/d?sslrootcert=/etc/my%20ca.pem&application_name=x");
        assert_eq!(address.root_certificates, Some(PathBuf::from("/etc/my ca.pem")));
        assert_eq!(address.config.get_application_name(), Some("x"));
    }

    #[test]
    fn of_several_hosts_each_is_asked_whether_it_takes_writes() {
        let address = parse("postgres://u:p@one,two:5433/d?application_name=x&hostaddr=10.0.0.1,10.0.0.2");
        assert_eq!(address.hosts.len(), 2);
        let of = |index: usize| {
            let host = &address.hosts[index];
            assert_eq!(host.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
            assert_eq!((host.get_user(), host.get_password()), (Some("u"), Some(&b"p"[..])));
            assert_eq!((host.get_dbname(), host.get_application_name()), (Some("d"), Some("x")));
            assert_eq!(host.get_ssl_mode(), SslMode::Require);
            (host.get_hosts().to_vec(), host.get_hostaddrs().to_vec(), host.get_ports().to_vec())
        };
        let tcp = |name: &str| vec![Host::Tcp(name.to_owned())];
        assert_eq!(of(0), (tcp("one"), vec!["10.0.0.1".parse().unwrap()], vec![5432]));
        assert_eq!(of(1), (tcp("two"), vec!["10.0.0.2".parse().unwrap()], vec![5433]));
        assert_eq!(address.time_for_each(), CONNECT_TIMEOUT / 2);
        assert_eq!(parse("postgres://u@one/d").time_for_each(), CONNECT_TIMEOUT);
        assert_eq!(parse("postgres://u@one,two,three,four,five/d").time_for_each(), MIN_FOR_EACH);
    }

    #[test]
    fn no_password_is_shown() {
        let address = parse("postgres://user:hunter2@db.example/ringback");
        assert_eq!(address.to_string(), "ringback at db.example:5432");
        assert!(!format!("{address:?}").contains("hunter2"));
        let hosts = parse("postgres://u@one:1,[::1]:2,three/d").to_string();
        assert_eq!(hosts, "d at one:1, [::1]:2, three:5432");
        let socket = parse("postgres://u@/d?host=/run/postgresql&port=5433").to_string();
        assert_eq!(socket, "d at /run/postgresql:5433");
    }
}
