//! A server whose tables, or whose write-ahead log, are on a small disk that a test fills up and clears
//! again.
//!
//! The disk is in memory, and mounted in the server's folder: with that it goes, however the test process
//! goes. To mount it takes root, or whoever else may; for anybody else the test fails, and says so.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::own_server::{OwnServer, PID_FILE};

/// How large it is: what a new server takes, and some room.
const SIZE: &str = "128m";
/// A file that nobody needs.
const BALLAST: &str = "ballast";

/// What of a server is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All but the log. While it is full, a statement that needs more room fails, and the server lives.
    Tables,
    /// The write-ahead log, in segments of 1 MiB. When it is full, the server crashes, and does not come back
    /// before there is room.
    Log,
}

/// The disk. It goes with the server.
#[derive(Debug)]
pub struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Starts a server of which this part is on such a disk.
    ///
    /// # Panics
    /// When nothing can be mounted here, and [as `OwnServer::start`](OwnServer::start).
    #[must_use]
    pub fn start(part: Part) -> (OwnServer, Self) {
        let server = OwnServer::prepare(&["max_wal_size=16MB", "min_wal_size=2MB"]);
        let data = server.new_folder("data");
        let folder = match part {
            Part::Tables => data,
            Part::Log => server.new_folder("log"),
        };
        mount(&folder);
        let log = if part == Part::Log { folder.clone() } else { server.new_folder("log") }.join("segments");
        let log = log.to_str().expect("a temporary folder's name is text");
        server.init(&["--wal-segsize=1", "--waldir", log]);
        server.start_again();
        (server, Self { folder })
    }

    /// Fills it up to its last page.
    ///
    /// # Panics
    /// When its folder takes no file.
    pub fn fill(&self) {
        let mut ballast = File::create(self.ballast()).expect("a disk with room takes a file");
        let page = [0; 4096];
        while ballast.write_all(&page).is_ok() {}
    }

    /// Takes away what it was filled with.
    ///
    /// # Panics
    /// When it was not filled.
    pub fn clear(&self) {
        fs::remove_file(self.ballast()).expect("a disk that was filled can be cleared");
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join(BALLAST)
    }
}

impl OwnServer {
    /// Whether it runs, as far as it has said.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.data().join(PID_FILE).exists()
    }
}

/// For whoever owns the folder.
fn mount(folder: &Path) {
    let owner = fs::metadata(folder).expect("the folder is there");
    let options = format!("size={SIZE},mode=700,uid={},gid={}", owner.uid(), owner.gid());
    let mut command = Command::new("mount");
    let output = command.args(["-t", "tmpfs", "-o", &options, "ringback-small-disk"]).arg(folder).output();
    let output = output.expect("`mount` can be run");
    assert!(
        output.status.success(),
        "this test fills a disk of its own, and none can be mounted here, which takes root (in a container CAP_SYS_ADMIN): {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
