//! PgBouncer in transaction mode before the tests' server: each transaction may get another session.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use std::{fs, thread};

use async_trait::async_trait;
use ringback_store::{OpenError, PostgresOptions, PostgresStore, Store};
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_postgres::config::Host;

use crate::backend::{Database, options};
use crate::conformance::{Backend, Opening};
use crate::server::{Identity, Server, apart, connect};

/// Ends the pooler when the input ends, and removes its folder.
const GUARD: &str = r#"folder=$1; shift; "$@" & pooler=$!; cat >/dev/null; kill -TERM $pooler; wait $pooler; rm -rf "$folder""#;
/// How long it may take to start.
const START: Duration = Duration::from_secs(20);

/// How long it may take to answer, once it is up.
const ANSWER: Duration = Duration::from_secs(2);
/// On how many ports it is tried.
const TRIES: usize = 5;
/// What it says when its port is somebody else's.
const TAKEN: &str = "Address already in use";

/// The one pooler of this process.
struct Pooler {
    port: u16,
    _guard: Child,
}

impl Pooler {
    fn get() -> &'static Self {
        static POOLER: OnceLock<Pooler> = OnceLock::new();
        POOLER.get_or_init(Self::start)
    }

    fn start() -> Self {
        let mut tries = (0..TRIES).filter_map(|_| Self::start_on(free_port()));
        tries.next().expect("one of several free ports stays free until it is bound")
    }

    /// None if somebody else has taken the port meanwhile.
    fn start_on(port: u16) -> Option<Self> {
        // From here on the guard removes it.
        let folder = TempDir::with_prefix("ringback-pgbouncer-").unwrap().keep();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let settings = folder.join("pgbouncer.ini");
        fs::write(&settings, configuration(port)).unwrap();
        let mut pooler = Identity::of(&folder).command(&program());
        pooler.arg(&settings);
        let guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(&folder)
            .arg(pooler.get_program())
            .args(pooler.get_args())
            .stdin(Stdio::piped())
            .stderr(fs::File::create(folder.join("log")).unwrap())
            .spawn()
            .unwrap();
        let pooler = Self { port, _guard: guard };
        let (began, url) = (Instant::now(), pooler.url("postgres"));
        // Somebody else behind the port may say nothing at all.
        let answers = || apart(async { timeout(ANSWER, connect(&url)).await.is_ok_and(|made| made.is_ok()) });
        while !answers() {
            let log = fs::read_to_string(folder.join("log")).unwrap();
            if log.contains(TAKEN) {
                return None;
            }
            assert!(began.elapsed() < START, "pgbouncer (the package of that name) does not start: {log:?}");
            thread::sleep(Duration::from_millis(50));
        }
        Some(pooler)
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://ringback@127.0.0.1:{}/{database}", self.port)
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Where Debian puts it is not where everybody looks.
fn program() -> PathBuf {
    let debian = PathBuf::from("/usr/sbin/pgbouncer");
    if debian.is_file() { debian } else { PathBuf::from("pgbouncer") }
}

/// Whatever the database, it is on the tests' server, by whoever the tests are there. Few sessions, so that
/// they are shared indeed.
fn configuration(port: u16) -> Vec<u8> {
    let server: tokio_postgres::Config = Server::get().url("postgres").parse().unwrap();
    let host = match &server.get_hosts()[0] {
        Host::Tcp(name) => name.clone(),
        Host::Unix(folder) => folder.to_str().unwrap().to_owned(),
    };
    let mut text = Vec::new();
    write!(text, "[databases]\n* = host={host}").unwrap();
    if let Some(port) = server.get_ports().first() {
        write!(text, " port={port}").unwrap();
    }
    write!(text, " user={}", server.get_user().unwrap()).unwrap();
    if let Some(password) = server.get_password() {
        write!(text, " password={}", String::from_utf8_lossy(password)).unwrap();
    }
    write!(
        text,
        "\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
         pool_mode = transaction\ndefault_pool_size = 4\nmax_client_conn = 2000\n"
    )
    .unwrap();
    text
}

#[test]
fn a_pooler_whose_port_is_taken_is_tried_on_another() {
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    assert!(Pooler::start_on(other.local_addr().unwrap().port()).is_none());
}

/// A database of its own, and the pooler before it.
#[derive(Clone)]
pub(crate) struct PooledDatabase(pub(crate) Database);

impl PooledDatabase {
    pub(crate) fn new() -> Self {
        Self(Database::new())
    }

    /// Where it is to be found through the pooler.
    pub(crate) fn url(&self) -> String {
        Pooler::get().url(&self.0.name())
    }

    /// How the tests open it: through the pooler, but for what needs a session.
    pub(crate) fn options(&self) -> PostgresOptions {
        let direct = options(&self.0);
        PostgresOptions {
            address: self.url().parse().unwrap(),
            session_address: Some(direct.address.clone()),
            ..direct
        }
    }
}

#[async_trait]
impl Backend for PooledDatabase {
    async fn open(&self, opening: Opening) -> Result<Arc<dyn Store>, OpenError> {
        let Opening { keyring, ids, now } = opening;
        let options = PostgresOptions { keyring, ids, now, ..self.options() };
        Ok(Arc::new(PostgresStore::open(options).await?))
    }
}
