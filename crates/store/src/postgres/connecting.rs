//! Making a connection: to that host of the address which takes writes, within a bound for each.
//!
//! After a fail-over the primary is another one of the hosts. Each is asked whether it takes writes before it
//! is used, and the one that did last is asked first.

use std::error::Error;
use std::sync::atomic::Ordering;

use rustls::CertificateError;
use tokio::time::timeout;
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::PostgresAddress;
use crate::error::ServerTrouble;

/// What carries a client's messages; somebody has to poll it.
pub(super) type Link =
    tokio_postgres::Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// Why no connection was made, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    /// Nobody listens there, or the name is unknown.
    #[error(
        "the database server cannot be reached: see that the server runs, that it can be reached from here, and that the address is right"
    )]
    Unreachable(#[source] tokio_postgres::Error),
    /// Somebody listens and says nothing.
    #[error(
        "the database server does not answer: see that it is not frozen or overloaded, and that no firewall on the way swallows what is sent"
    )]
    Silent,
    /// It starts, or ends.
    #[error("the database server takes no connections at the moment ({message}): wait until it does")]
    NotReady {
        /// In the server's words.
        message: String,
    },
    /// A server, but not the one that writes.
    #[error(
        "the database takes no writes: if the server is a standby, name the primary, or all hosts of which one is; if not, see who has set \
         default_transaction_read_only (`ALTER DATABASE … RESET default_transaction_read_only`, or `ALTER ROLE …`)"
    )]
    ReadOnly,
    /// It does not speak TLS.
    #[error(
        "the database server offers no TLS: set ssl=on there, or say sslmode=disable if nobody can listen on the way to it"
    )]
    NoTls,
    /// TLS fails for another reason than the server's certificate.
    #[error("TLS to the database server fails")]
    Tls(#[source] tokio_postgres::Error),
    /// Nobody that is trusted vouches for it.
    #[error(
        "the database server's certificate is of an unknown authority: name that authority's certificate with sslrootcert"
    )]
    UnknownAuthority,
    /// It is somebody else's.
    #[error(
        "the database server's certificate is not for the host that the address names: use a name that is in it"
    )]
    OtherName,
    /// Its time is over, or has not come.
    #[error(
        "the database server's certificate is not valid at this time: renew it there, or set this machine's clock"
    )]
    NotValidNow,
    /// Wrong, or missing.
    #[error(
        "the database server refuses the user or the password that the address names, or wants a password and the address names none: \
         correct it there (postgres://user:password@host/database, or file: and the path of a file that holds that)"
    )]
    Password,
    /// It does not let this user in.
    #[error(
        "the database server does not let this user in ({message}): see that the role exists and may log in, and that pg_hba.conf there \
         has a line for it, the database and this machine"
    )]
    NotLetIn {
        /// In the server's words; names users, databases and hosts.
        message: String,
    },
    /// It has no database of this name.
    #[error(
        "the database server has no such database ({message}): make it (`createdb --owner ROLE NAME`), or correct its name in the address"
    )]
    NoDatabase {
        /// In the server's words; names the database.
        message: String,
    },
    /// This database is not for this user.
    #[error(
        "the database server refuses the connection ({message}): as an administrator say there `GRANT CONNECT ON DATABASE … TO …`"
    )]
    NotGranted {
        /// In the server's words; names the database.
        message: String,
    },
    /// As many are connected as may be.
    #[error(
        "all connections that the database server allows are taken ({message}): end some that are not needed (pg_stat_activity shows them), or \
         raise what was reached of max_connections and the CONNECTION LIMIT of role and database"
    )]
    NoneLeft {
        /// In the server's words; says which limit it is.
        message: String,
    },
    /// The server has its own words for it.
    #[error("the database server refuses the connection: {message} (SQLSTATE {code})")]
    Refused {
        /// What kind of refusal.
        code: String,
        /// In the server's words; names users, databases and hosts, never a password.
        message: String,
    },
}

impl ConnectError {
    /// What it comes to.
    pub(super) fn trouble(&self) -> ServerTrouble {
        match self {
            Self::Unreachable(_) | Self::Silent | Self::NotReady { .. } => ServerTrouble::Absent,
            Self::NoneLeft { .. } => ServerTrouble::NoConnectionLeft,
            _ => ServerTrouble::Refusal,
        }
    }

    fn of_refusal(refusal: &DbError) -> Self {
        let message = refusal.message().to_owned();
        match refusal.code() {
            code if *code == SqlState::INVALID_PASSWORD => Self::Password,
            code if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => Self::NotLetIn { message },
            code if *code == SqlState::INVALID_CATALOG_NAME => Self::NoDatabase { message },
            code if *code == SqlState::INSUFFICIENT_PRIVILEGE => Self::NotGranted { message },
            code if *code == SqlState::TOO_MANY_CONNECTIONS => Self::NoneLeft { message },
            // A pooler's words, which have one code for all.
            code if *code == SqlState::PROTOCOL_VIOLATION && message.contains("authentication failed") => {
                Self::Password
            }
            code if *code == SqlState::PROTOCOL_VIOLATION && message.contains("no such database") => {
                Self::NoDatabase { message }
            }
            code if *code == SqlState::CANNOT_CONNECT_NOW => Self::NotReady { message },
            code => Self::Refused { code: code.code().to_owned(), message },
        }
    }
}

/// Connects to the first host that takes writes.
pub(super) async fn connect(
    address: &PostgresAddress,
    tls: &MakeRustlsConnect,
) -> Result<(Client, Link), ConnectError> {
    let hosts = address.hosts.len();
    let first = address.writing_host.load(Ordering::Relaxed);
    let mut refusal = ConnectError::Silent;
    for index in (0..hosts).map(|offset| (first + offset) % hosts) {
        let attempt = address.hosts[index].connect(tls.clone());
        refusal = match timeout(address.time_for_each(), attempt).await {
            Ok(Ok(made)) => {
                address.writing_host.store(index, Ordering::Relaxed);
                return Ok(made);
            }
            Ok(Err(error)) => ConnectError::from(error),
            Err(_) => ConnectError::Silent,
        };
    }
    Err(refusal)
}

/// A configuration for each of the hosts of one.
pub(super) fn hosts(config: &Config) -> Vec<Config> {
    let count = config.get_hosts().len().max(config.get_hostaddrs().len());
    (0..count).map(|index| host(config, index)).collect()
}

fn host(config: &Config, index: usize) -> Config {
    let mut one = Config::new();
    match config.get_hosts().get(index) {
        Some(tokio_postgres::config::Host::Tcp(name)) => drop(one.host(name)),
        #[cfg(unix)]
        Some(tokio_postgres::config::Host::Unix(folder)) => drop(one.host_path(folder)),
        None => {}
    }
    config.get_hostaddrs().get(index).map(|address| one.hostaddr(*address));
    let ports = config.get_ports();
    ports.get(index).or_else(|| ports.first()).map(|port| one.port(*port));
    config.get_user().map(|user| one.user(user));
    config.get_password().map(|password| one.password(password));
    config.get_dbname().map(|name| one.dbname(name));
    config.get_options().map(|options| one.options(options));
    config.get_application_name().map(|name| one.application_name(name));
    config.get_connect_timeout().map(|timeout| one.connect_timeout(*timeout));
    config.get_tcp_user_timeout().map(|timeout| one.tcp_user_timeout(*timeout));
    config.get_keepalives_interval().map(|interval| one.keepalives_interval(interval));
    config.get_keepalives_retries().map(|retries| one.keepalives_retries(retries));
    one.keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle())
        .ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .channel_binding(config.get_channel_binding())
        .target_session_attrs(config.get_target_session_attrs())
        .load_balance_hosts(config.get_load_balance_hosts());
    one
}

impl From<tokio_postgres::Error> for ConnectError {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(refusal) = error.as_db_error() {
            return Self::of_refusal(refusal);
        }
        match cause_of(&error) {
            Cause::Certificate(trouble) => of_certificate(&trouble, error),
            Cause::Tls => Self::Tls(error),
            Cause::NoTls => Self::NoTls,
            Cause::Authentication => Self::Password,
            Cause::NotWriting => Self::ReadOnly,
            Cause::Other => Self::Unreachable(error),
        }
    }
}

fn of_certificate(trouble: &CertificateError, error: tokio_postgres::Error) -> ConnectError {
    use CertificateError as Trouble;
    match trouble {
        Trouble::UnknownIssuer => ConnectError::UnknownAuthority,
        Trouble::NotValidForName | Trouble::NotValidForNameContext { .. } => ConnectError::OtherName,
        Trouble::Expired
        | Trouble::ExpiredContext { .. }
        | Trouble::NotValidYet
        | Trouble::NotValidYetContext { .. } => ConnectError::NotValidNow,
        _ => ConnectError::Tls(error),
    }
}

/// What lies behind a failure to connect.
enum Cause {
    Certificate(CertificateError),
    Tls,
    NoTls,
    Authentication,
    NotWriting,
    Other,
}

/// The client says some of it by texts alone.
fn cause_of(error: &tokio_postgres::Error) -> Cause {
    let mut next: Option<&(dyn Error + 'static)> = error.source();
    while let Some(cause) = next {
        let rustls = cause.downcast_ref::<rustls::Error>();
        let inner = cause.downcast_ref::<std::io::Error>().and_then(|io| io.get_ref());
        let rustls = rustls.or_else(|| inner.and_then(|inner| inner.downcast_ref()));
        match rustls {
            Some(rustls::Error::InvalidCertificate(trouble)) => return Cause::Certificate(trouble.clone()),
            Some(_) => return Cause::Tls,
            None => {}
        }
        match cause.to_string().as_str() {
            "server does not support TLS" => return Cause::NoTls,
            "database does not allow writes" => return Cause::NotWriting,
            _ => {}
        }
        next = cause.source();
    }
    match error.to_string().as_str() {
        "authentication error" | "invalid configuration" => Cause::Authentication,
        text if text.contains("TLS") => Cause::Tls,
        _ => Cause::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_for_one_host_has_all_that_was_said_for_several() {
        let url = "postgres://u:p@a:1/d?hostaddr=127.0.0.1&options=-cx%3D1&application_name=n&connect_timeout=3&tcp_user_timeout=4\
                   &keepalives=0&keepalives_idle=5&keepalives_interval=6&keepalives_retries=7&sslmode=require\
                   &sslnegotiation=direct&channel_binding=require&target_session_attrs=read-write\
                   &load_balance_hosts=random";
        let (all, default): (Config, Config) = (url.parse().unwrap(), Config::new());
        let [one] = hosts(&all).try_into().unwrap();
        assert_eq!(format!("{one:?}"), format!("{all:?}"));
        assert!(one == all, "what it does not show differs");
        // A setting that the client gains has to be said above.
        let fields =
            |config: &Config| -> Vec<String> { format!("{config:#?}").lines().map(str::to_owned).collect() };
        let same: Vec<String> =
            fields(&default).into_iter().filter(|line| fields(&all).contains(line)).collect();
        assert_eq!(same, ["Config {", "}"]);
    }
}
