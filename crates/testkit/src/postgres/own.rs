//! A PostgreSQL server of one test's own, to be stopped, frozen, restarted and set up anew.
//!
//! It listens on a socket, for the test itself, and on a port of the loopback address, for what is tested. Its folder vanishes with it; a
//! shell sees to that if the test process ends in another way.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::server::{Identity, apart, binaries, connect};

/// Who owns everything there.
const USER: &str = "ringback";
/// How long starting or stopping may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Ends the server when the input ends, and removes its folder.
const GUARD: &str = r#"cat >/dev/null; pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) && \
    kill -CONT $pid $(pgrep -P $pid) && kill -QUIT $pid && sleep 1; rm -rf "$1""#;

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It ends sessions and writes everything out.
    Fast,
    /// As if its power were gone.
    Immediate,
}

/// The server.
#[derive(Debug)]
pub struct OwnServer {
    folder: PathBuf,
    port: u16,
    settings: Vec<String>,
    process: Option<Child>,
    _guard: Child,
}

impl OwnServer {
    /// Makes one and starts it, with settings such as `max_connections=20`.
    ///
    /// # Panics
    /// When PostgreSQL is not installed, or does not start.
    #[must_use]
    pub fn start(settings: &[&str]) -> Self {
        let parent = Some(Path::new("/dev/shm")).filter(|path| path.is_dir());
        let parent = parent.map_or_else(std::env::temp_dir, Path::to_owned);
        let folder = TempDir::with_prefix_in("ringback-own-postgres-", parent);
        let folder = folder.expect("there is a folder for temporary files").keep();
        let guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell can be run");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("our folder is ours");
        let identity = Identity::of(&folder);
        for path in ["data", "sockets"].map(|name| folder.join(name)) {
            fs::create_dir(&path).expect("a new folder has room for another");
            identity.give(&path);
        }
        let mut initdb = identity.command(&binaries().join("initdb"));
        initdb.args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", "--username", USER]);
        let made = initdb.arg("-D").arg(folder.join("data")).output().expect("initdb can be run");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = free.expect("the loopback address has a free port").port();
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        let mut server = Self { folder, port, settings, process: None, _guard: guard };
        server.start_again();
        server
    }

    /// Starts it after a stop, and waits until it is up.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.folder.join("log"));
        let mut server = Identity::of(&self.folder).command(&binaries().join("postgres"));
        server.arg("-D").arg(self.data()).arg("-k").arg(self.folder.join("sockets"));
        server.args(["-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=16MB"]);
        server.arg("-p").arg(self.port.to_string());
        for setting in &self.settings {
            server.args(["-c", setting]);
        }
        server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.expect("our folder takes a file"));
        self.process = Some(server.spawn().expect("the server can be run"));
        let began = Instant::now();
        while self.try_admin("SELECT 1").is_err() {
            assert!(began.elapsed() < PATIENCE, "the server does not start: {}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops it, and waits until it is gone.
    ///
    /// # Panics
    /// When it does not run.
    pub fn stop(&mut self, how: Stop) {
        let mut process = self.process.take().expect("only a server that runs is stopped");
        let signal = if how == Stop::Fast { "-INT" } else { "-QUIT" };
        kill(signal, &[process.id()]);
        process.wait().expect("it is our child");
    }

    /// Ends all connections to it; says how many there were.
    ///
    /// # Panics
    /// When it is not up.
    #[must_use]
    pub fn cut_connections(&self) -> usize {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        let url = self.socket_url("postgres");
        let cut = apart(async move { connect(&url).await?.query(sql, &[]).await });
        cut.expect("its owner may cut connections").len()
    }

    /// Stops all of its processes in the middle of what they do. It still takes connections and bytes, and says nothing.
    pub fn freeze(&self) {
        // The first one at first: it would start others.
        let (first, children) = self.processes();
        kill("-STOP", &[first]);
        kill("-STOP", &children);
    }

    /// Lets them go on.
    pub fn thaw(&self) {
        let (first, children) = self.processes();
        kill("-CONT", &[first]);
        kill("-CONT", &children);
    }

    /// Puts a file into its data folder that it alone may read.
    ///
    /// # Panics
    /// When there is no room.
    pub fn place(&self, name: &str, content: &str) {
        let path = self.data().join(name);
        fs::write(&path, content).expect("its folder takes a file");
        Identity::of(&self.folder).give(&path);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("root may do that");
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A database there, by the port.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    /// A database there, by the socket.
    #[must_use]
    pub fn socket_url(&self, database: &str) -> String {
        let sockets = self.folder.join("sockets");
        let sockets = sockets.to_str().expect("a temporary folder's name is text").replace('/', "%2F");
        format!("postgres://{USER}@{sockets}:{}/{database}", self.port)
    }

    /// Runs statements as its owner, wherever the caller is.
    ///
    /// # Panics
    /// When it refuses them.
    pub fn admin(&self, sql: &str) {
        self.try_admin(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// What it has said.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn try_admin(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        let (url, sql) = (self.socket_url("postgres"), sql.to_owned());
        apart(async move { connect(&url).await?.batch_execute(&sql).await })
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The first of them and its children.
    fn processes(&self) -> (u32, Vec<u32>) {
        let first = self.process.as_ref().expect("it runs").id();
        let children =
            Command::new("pgrep").args(["-P", &first.to_string()]).output().expect("pgrep is there");
        let children = String::from_utf8_lossy(&children.stdout);
        (first, children.lines().filter_map(|line| line.parse().ok()).collect())
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.thaw();
            self.stop(Stop::Immediate);
        }
        // What the guard does when this fails.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn kill(signal: &str, processes: &[u32]) {
    // One of them may have ended by itself.
    let _ = Command::new("kill").arg(signal).args(processes.iter().map(u32::to_string)).output();
}
