//! A PostgreSQL server that one test has to itself: to be restarted, cut off and frozen.
//!
//! It listens on a socket, and on a port of the loopback address for what may be put between it and others.
//!
//! It lives in memory, where there is such a place, in a folder that vanishes with it. A shell waits beside
//! it and ends it when the test process does, however that goes.
//!
//! The store's tests take this file in by its path, as they do with the shared server's.
//!
//! Not guaranteed: what a loss of power does. A server that is stopped at once keeps what it has written,
//! flushed or not.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tokio_postgres::Client;

use super::server::{Identity, USER, apart, binaries, connect, new_folder};
use crate::signal::send_signal;

/// Ends the server, even a frozen one, when the input ends, and removes its folder, with whatever is mounted
/// there.
const GUARD: &str = r#"exec 2>/dev/null; cat >/dev/null
read -r server <"$1/data/postmaster.pid" && {
    kill -CONT "$server" $(pgrep -P "$server"); kill -QUIT "$server"
    while kill -0 "$server"; do sleep 0.1; done
}
for inside in "$1"/*; do mountpoint -q "$inside" && umount -l "$inside"; done
rm -rf "$1""#;
/// Where a server that runs keeps its process id, on the first line, in its data folder.
pub(super) const PID_FILE: &str = "postmaster.pid";

/// A server. Dropping it ends it.
#[derive(Debug)]
pub struct OwnServer {
    folder: PathBuf,
    url: String,
    port: u16,
    /// Further settings, each as `name=value`.
    settings: Vec<String>,
    /// Its input is open as long as this lives.
    _guard: Child,
}

impl OwnServer {
    /// Makes one, and waits until it is up.
    ///
    /// # Panics
    /// When PostgreSQL is not installed, or does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with settings of its own, such as `max_connections=20`.
    ///
    /// # Panics
    /// As [`OwnServer::start`].
    #[must_use]
    pub fn start_with(settings: &[&str]) -> Self {
        let server = Self::prepare(settings);
        server.new_folder("data");
        server.init(&[]);
        server.start_again();
        server
    }

    /// A port, and a guarded folder without data.
    pub(super) fn prepare(settings: &[&str]) -> Self {
        let folder = new_folder();
        let guard =
            Command::new("sh").args(["-c", GUARD, "guard"]).arg(&folder).stdin(Stdio::piped()).spawn();
        let socket =
            folder.join("sockets").to_str().expect("a temporary folder's name is text").replace('/', "%2F");
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = free.expect("the loopback address has a free port").port();
        let url = format!("postgres://{USER}@{socket}:{port}/postgres");
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        let server = Self { folder, url, port, settings, _guard: guard.expect("a shell can be run") };
        server.new_folder("sockets");
        server
    }

    /// Makes a folder in its own.
    pub(super) fn new_folder(&self, name: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::create_dir(&path).expect("a new folder has room for another");
        Identity::of(&self.folder).give(&path);
        path
    }

    /// Where its data is.
    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Makes its data, in an empty folder that is there.
    pub(super) fn init(&self, further: &[&str]) {
        let arguments = ["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", "--username", USER];
        self.run("initdb", &[&arguments, further].concat());
    }

    /// The URL of its one database, by the socket.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs statements as its owner, wherever the caller is.
    ///
    /// # Panics
    /// When it refuses them.
    pub fn admin(&self, sql: &str) {
        let done = apart(async { connect(&self.url).await?.batch_execute(sql).await });
        done.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// Puts a file that it alone may read into its data folder.
    ///
    /// # Panics
    /// When there is no room.
    pub fn place(&self, name: &str, content: &str) {
        let path = self.data().join(name);
        fs::write(&path, content).expect("its folder takes a file");
        Identity::of(&self.folder).give(&path);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("whoever made it may do that");
    }

    /// A connection as a person has it.
    ///
    /// # Panics
    /// When the server cannot be reached.
    pub async fn connection(&self) -> Client {
        connect(&self.url).await.expect("a server that is up can be connected to")
    }

    /// Stops it: `fast` lets it write what it has, `immediate` is as a crash to it. All connections end.
    ///
    /// # Panics
    /// When it is not up.
    pub fn stop(&self, mode: &str) {
        self.run("pg_ctl", &["stop", "--wait", "--mode", mode]);
    }

    /// Starts it after a stop, and waits until it is up, whatever it has to recover first.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&self) {
        let mut options = format!(
            "-k {} -p {} -c listen_addresses=127.0.0.1 -c max_connections=100 -c shared_buffers=64MB",
            self.folder.join("sockets").display(),
            self.port
        );
        for setting in &self.settings {
            options.push_str(" -c ");
            options.push_str(setting);
        }
        let log = self.folder.join("data/log");
        let log = log.to_str().expect("a temporary folder's name is text");
        self.run("pg_ctl", &["start", "--wait", "--log", log, "--options", &options]);
    }

    /// Ends all connections to it; gives how many there were.
    ///
    /// # Panics
    /// When it is not up.
    pub async fn cut_connections(&self) -> usize {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        self.connection().await.query(sql, &[]).await.expect("its owner may cut connections").len()
    }

    /// Stops all its processes by SIGSTOP where they stand: connections stay open, new ones wait, and nothing
    /// is answered.
    ///
    /// # Panics
    /// When it is not up.
    pub async fn freeze(&self) {
        // First the one that starts others.
        send_signal("STOP", &[self.pid()]).await;
        send_signal("STOP", &self.children()).await;
    }

    /// Lets it go on by SIGCONT.
    ///
    /// # Panics
    /// When it is not up.
    pub async fn thaw(&self) {
        send_signal("CONT", &self.children()).await;
        send_signal("CONT", &[self.pid()]).await;
    }

    pub(super) fn pid(&self) -> u32 {
        let file = fs::read_to_string(self.data().join(PID_FILE)).expect("a server that is up says its pid");
        let pid = file.lines().next().and_then(|line| line.parse().ok());
        pid.expect("the first line is the pid")
    }

    pub(super) fn children(&self) -> Vec<u32> {
        let output = Command::new("pgrep").args(["-P", &self.pid().to_string()]).output();
        let output = output.expect("pgrep can be run").stdout;
        String::from_utf8_lossy(&output).lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// Runs one of the server's programs on its data.
    pub(super) fn run(&self, program: &str, arguments: &[&str]) {
        let data = self.data();
        let mut command = Identity::of(&self.folder).command(&binaries().join(program));
        // What the server inherits it keeps: it must not hold a pipe of ours open.
        let log = fs::File::create(self.folder.join(program)).expect("our folder takes a file");
        command.arg("-D").arg(&data).args(arguments).current_dir("/").stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a file can be written by two")).stderr(log);
        let status = command.status().unwrap_or_else(|error| panic!("cannot run {program}: {error}"));
        assert!(status.success(), "{program}: {}", said(&self.folder.join(program)));
    }
}

fn said(log: &Path) -> String {
    fs::read_to_string(log).unwrap_or_default()
}
