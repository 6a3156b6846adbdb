//! A PostgreSQL server of this program's own, on a real disk, whose commits are synced as anybody's: an fsync
//! is what is measured.
//!
//! It listens on a socket of the file system only, and ends with this process however that goes: a shell
//! stands between the two and ends the server when its own input does.

mod identity;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{fs, io};

use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::failure::{Failure, tell};
use identity::Identity;

/// Who owns everything there.
const USER: &str = "ringback";
/// How long it may take to start.
const START: Duration = Duration::from_secs(60);
/// Ends the server when the input ends. `$!` is the server itself: whatever changes its user on the way
/// replaces itself by it.
const GUARD: &str = r#"pid=$1; shift; "$@" & server=$!; echo $server >"$pid"; cat >/dev/null; kill -INT $server; wait $server"#;
/// As a careful operator of a small machine has it. The rest is PostgreSQL's own: above all `fsync` and
/// `full_page_writes` are on.
const SETTINGS: [&str; 6] = [
    "listen_addresses=",
    "max_connections=200",
    "shared_buffers=256MB",
    "max_wal_size=4GB",
    "maintenance_work_mem=256MB",
    "checkpoint_timeout=15min",
];

/// The server, running until it is dropped. Its data goes with it.
pub(crate) struct Postgres {
    guard: Child,
    pid: u32,
    sockets: TempDir,
    databases: AtomicU32,
    /// Dropped after the server that writes there.
    _folder: TempDir,
}

impl Postgres {
    /// Makes and starts one, with its data in a folder of its own under `parent`, and with these settings
    /// beside [`SETTINGS`].
    pub(crate) async fn start(parent: &Path, settings: &[&str]) -> Result<Self, Failure> {
        tell("starting a PostgreSQL server");
        let made = Failure::io("make a folder for PostgreSQL");
        let (folder, sockets, identity) = folders(parent).map_err(made)?;
        let binaries = binaries()?;
        let data = folder.path().join("data");
        let mut initdb = identity.command(&binaries.join("initdb"));
        initdb.args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", "--username", USER, "-D"]);
        let output = initdb.arg(&data).output().map_err(Failure::io("run initdb"))?;
        if !output.status.success() {
            return Err(Failure::Initdb(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        let pid_file = folder.path().join("pid");
        let mut program = identity.command(&binaries.join("postgres"));
        program.arg("-D").arg(&data).arg("-k").arg(sockets.path());
        for setting in SETTINGS.iter().chain(settings) {
            program.args(["-c", setting]);
        }
        let guard = guarded(&program, &pid_file).map_err(Failure::io("start PostgreSQL"))?;
        let mut server = Self { guard, pid: 0, sockets, databases: AtomicU32::new(0), _folder: folder };
        server.await_answer().await?;
        let pid = fs::read_to_string(&pid_file).map_err(Failure::io("read who PostgreSQL is"))?;
        server.pid = pid.trim().parse().map_err(|_| Failure::MissingField { field: "pid" })?;
        Ok(server)
    }

    /// The URL of a database on it, by way of the sockets in this folder.
    pub(crate) fn url_by(sockets: &Path, database: &str) -> String {
        let folder = sockets.display().to_string().replace('/', "%2F");
        format!("postgres://{USER}@{folder}/{database}")
    }

    /// The folder of its own socket.
    pub(crate) fn sockets(&self) -> &Path {
        self.sockets.path()
    }

    /// Its first process, whose children are all the others.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// A connection to the database that every server has.
    pub(crate) async fn admin(&self) -> Result<Client, Failure> {
        connect(&Self::url_by(self.sockets(), "postgres")).await
    }

    /// Makes an empty database. Returns its name.
    pub(crate) async fn create_database(&self) -> Result<String, Failure> {
        let name = format!("bench_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.admin().await?.batch_execute(&format!("CREATE DATABASE {name}")).await?;
        Ok(name)
    }

    /// Removes a database, whoever is connected.
    pub(crate) async fn drop_database(&self, name: &str) -> Result<(), Failure> {
        Ok(self.admin().await?.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await?)
    }

    async fn await_answer(&self) -> Result<(), Failure> {
        let begun = Instant::now();
        loop {
            match self.admin().await {
                Ok(_) => return Ok(()),
                Err(failure) if begun.elapsed() > START => return Err(failure),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The guard ends the server when nobody is left to write to it.
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// A connection, driven by a task that ends with it.
#[expect(
    clippy::disallowed_methods,
    reason = "it ends with the client, and there is no shutdown to wait for it"
)]
pub(crate) async fn connect(url: &str) -> Result<Client, Failure> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn folders(parent: &Path) -> io::Result<(TempDir, TempDir, Identity)> {
    fs::create_dir_all(parent)?;
    let folder = tempfile::Builder::new().prefix("postgres").tempdir_in(parent)?;
    // Not below the other: the path of a socket is short.
    let sockets = tempfile::Builder::new().prefix("ringback-bench").tempdir()?;
    let identity = Identity::of(folder.path())?;
    fs::create_dir(folder.path().join("data"))?;
    for path in [folder.path().to_owned(), folder.path().join("data"), sockets.path().to_owned()] {
        identity.give(&path)?;
    }
    Ok((folder, sockets, identity))
}

/// The guard of a server, which notes in a file who that is.
fn guarded(server: &Command, pid_file: &Path) -> io::Result<Child> {
    let log = fs::File::create(pid_file.with_file_name("log"))?;
    Command::new("sh")
        .args(["-c", GUARD, "guard"])
        .arg(pid_file)
        .arg(server.get_program())
        .args(server.get_args())
        .stdin(Stdio::piped())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
}

/// Whether there are its programs.
pub(crate) fn is_installed() -> bool {
    binaries().is_ok()
}

/// Where the server's programs are.
fn binaries() -> Result<PathBuf, Failure> {
    let is_there = |folder: &PathBuf| folder.join("initdb").is_file();
    let said = Command::new("pg_config").arg("--bindir").output().ok();
    let said = said.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut installed: Vec<PathBuf> = installed.map(|version| version.path().join("bin")).collect();
    installed.sort();
    said.into_iter().chain(installed.into_iter().rev()).find(is_there).ok_or(Failure::NoPostgres)
}
