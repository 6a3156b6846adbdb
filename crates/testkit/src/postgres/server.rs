//! The PostgreSQL server of the tests: that of `RINGBACK_TEST_POSTGRES`, or one of their own, made anew for
//! each test process.
//!
//! A server of their own lives in a folder that vanishes with it. A shell stands between the test process and
//! the server and ends the server when its input does: so it goes however the test process goes.
//!
//! The store's tests take this file in by its path, since a package that they depended on would have to be
//! built after every change of the store.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// Names a server to be used, as a URL of whoever may make databases there.
const VARIABLE: &str = "RINGBACK_TEST_POSTGRES";
/// Who owns everything on a server of our own.
pub(super) const USER: &str = "ringback";
/// How long such a server may take to start.
const START: Duration = Duration::from_secs(30);
/// Ends the server when the input ends, and removes its folder.
const GUARD: &str = r#"folder=$1; shift; "$@" & server=$!; cat >/dev/null; kill -QUIT $server; wait $server; rm -rf "$folder""#;

/// A server.
#[derive(Debug)]
pub struct Server {
    /// Its URL without a database, and what comes behind the database.
    base: String,
    query: String,
    /// What the names of this process's databases begin with.
    pub prefix: String,
    _guard: Option<Child>,
}

impl Server {
    /// The one server of this process. The first who asks waits until it is up.
    ///
    /// # Panics
    /// When PostgreSQL is not installed, or does not start.
    pub fn get() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(|| {
            let mut server = match given() {
                Some(url) => Self::at(&url),
                None => Self::start(),
            };
            server.prefix = format!("ringback_test_{}", std::process::id());
            server
        })
    }

    fn at(url: &str) -> Self {
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let base = match address.match_indices('/').nth(2) {
            Some((end, _)) => &address[..end],
            None => address,
        };
        Self { base: base.to_owned(), query: query.to_owned(), prefix: String::new(), _guard: None }
    }

    fn start() -> Self {
        let binaries = binaries();
        // From here on the guard removes it.
        let folder = new_folder();
        let identity = Identity::of(&folder);
        let (data, sockets) = (folder.join("data"), folder.join("sockets"));
        for path in [&data, &sockets] {
            fs::create_dir(path).expect("a new folder has room for another");
            identity.give(path);
        }
        let mut initdb = identity.command(&binaries.join("initdb"));
        initdb.args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", "--username", USER]);
        let made = initdb.arg("-D").arg(&data).output().expect("initdb can be run");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));

        let log = fs::File::create(folder.join("log")).expect("a new folder takes a file");
        let mut server = identity.command(&binaries.join("postgres"));
        server.arg("-D").arg(&data).arg("-k").arg(&sockets);
        server.args(["-c", "listen_addresses=", "-c", "max_connections=300", "-c", "shared_buffers=64MB"]);
        let guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(&folder)
            .arg(server.get_program())
            .args(server.get_args())
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a file can be written by two"))
            .stderr(log)
            .spawn()
            .expect("a shell can be run");
        let socket = sockets.to_str().expect("a temporary folder's name is text").replace('/', "%2F");
        let mut started = Self::at(&format!("postgres://{USER}@{socket}"));
        started._guard = Some(guard);
        started.wait();
        started
    }

    fn wait(&self) {
        let began = Instant::now();
        while self.try_admin("SELECT 1").is_err() {
            assert!(began.elapsed() < START, "the server does not start");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        format!("{}/{database}?{}", self.base, self.query)
    }

    /// Runs statements in the server's own database, wherever the caller is.
    ///
    /// # Panics
    /// When the server refuses them.
    pub fn admin(&self, sql: &str) {
        self.try_admin(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    fn try_admin(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        let (url, sql) = (self.url("postgres"), sql.to_owned());
        apart(async move { connect(&url).await?.batch_execute(&sql).await })
    }
}

/// The server that whoever runs the tests names.
#[expect(clippy::disallowed_methods, reason = "a test learns from its environment where a server is")]
fn given() -> Option<String> {
    env::var(VARIABLE).ok()
}

/// A connection as a person has it.
///
/// # Errors
/// What the server says, or what keeps from reaching it.
#[expect(clippy::disallowed_methods, reason = "the task ends with the connection")]
pub async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Runs to the end on a thread and a runtime of its own, wherever the caller is.
///
/// # Panics
/// When the future does.
pub fn apart<F: Future<Output: Send> + Send>(future: F) -> F::Output {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime can be made");
        runtime.block_on(future)
    };
    thread::scope(|scope| scope.spawn(run).join().expect("what runs apart does not panic"))
}

/// An empty folder, in memory if there is such a place, that whoever the server runs as may enter.
pub(crate) fn new_folder() -> PathBuf {
    let parent = Some(Path::new("/dev/shm")).filter(|path| path.is_dir());
    let folder = match parent {
        Some(parent) => TempDir::with_prefix_in("ringback-postgres-", parent),
        None => TempDir::with_prefix("ringback-postgres-"),
    };
    let folder = folder.expect("there is a folder for temporary files").keep();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("our folder is ours");
    folder
}

/// Where the server's programs are.
pub(crate) fn binaries() -> PathBuf {
    let is_there = |folder: &PathBuf| folder.join("initdb").is_file();
    let said = Command::new("pg_config").arg("--bindir").output().ok();
    let said = said.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut installed: Vec<PathBuf> = installed.map(|version| version.path().join("bin")).collect();
    installed.sort();
    let found = said.into_iter().chain(installed.into_iter().rev()).find(is_there);
    found.unwrap_or_else(|| panic!("PostgreSQL 15 or later is not installed; name a server in {VARIABLE}"))
}

/// Who the server runs as: it refuses to be run by root.
pub(crate) struct Identity {
    /// User and group, if they are not our own.
    other: Option<(u32, u32)>,
}

impl Identity {
    /// Of whoever owns our own folder, or somebody lesser.
    pub(crate) fn of(own_folder: &Path) -> Self {
        let is_root = fs::metadata(own_folder).expect("our folder is there").uid() == 0;
        let other =
            ["postgres", "nobody"].into_iter().find_map(|name| Some((id("-u", name)?, id("-g", name)?)));
        Self { other: other.filter(|_| is_root) }
    }

    /// Gives it a folder for itself.
    pub(crate) fn give(&self, path: &Path) {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).expect("our folder is ours");
        if let Some((user, group)) = self.other {
            std::os::unix::fs::chown(path, Some(user), Some(group)).expect("root may give a folder away");
        }
    }

    /// A program run by it.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let Some((user, group)) = self.other else { return Command::new(program) };
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid", &user.to_string(), "--regid", &group.to_string(), "--clear-groups"])
            .arg(program);
        command
    }
}

fn id(which: &str, name: &str) -> Option<u32> {
    let output = Command::new("id").args([which, name]).output().ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}
