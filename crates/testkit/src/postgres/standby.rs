//! Two servers that follow one another by streaming replication: a primary and its hot standby.

use std::fs;
use std::time::{Duration, Instant};

use super::own_server::OwnServer;
use super::server::{USER, apart, connect};
use crate::signal::send_signal;

/// How long a standby may take until it has caught up.
const CATCH_UP: Duration = Duration::from_secs(20);

impl OwnServer {
    /// Makes a hot standby of this server, and waits until it follows.
    ///
    /// # Panics
    /// When it does not come to follow.
    #[must_use]
    pub fn standby(&self) -> Self {
        let standby = Self::prepare(&[]);
        standby.follow(self);
        standby
    }

    /// Becomes a standby of another one, whatever it was before, and waits until it follows. It must not be
    /// up.
    ///
    /// # Panics
    /// When it does not come to follow.
    pub fn follow(&self, primary: &Self) {
        let data = self.data();
        if data.exists() {
            fs::remove_dir_all(&data).expect("a server that is not up can lose its data");
        }
        self.new_folder("data");
        let from = format!("host=127.0.0.1 port={} user={USER} application_name=standby", primary.port());
        self.run(
            "pg_basebackup",
            &["--dbname", &from, "--write-recovery-conf", "--checkpoint=fast", "--no-sync"],
        );
        self.start_again();
        primary.is_followed();
    }

    /// Lets commits wait until one standby has them on its disk; or no more.
    ///
    /// # Panics
    /// When it is not up.
    pub fn wait_for_standby(&self, waits: bool) {
        let names = if waits { "*" } else { "" };
        self.admin(&format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'"));
        self.admin("SELECT pg_reload_conf()");
    }

    /// Makes a primary of a standby; when this returns, it takes writes.
    ///
    /// # Panics
    /// When it is none.
    pub fn promote(&self) {
        self.run("pg_ctl", &["promote", "--wait"]);
    }

    /// Ends all its processes by SIGKILL, as when its machine is gone.
    ///
    /// # Panics
    /// When it is not up.
    pub async fn kill(&self) {
        // First the one that would start others anew.
        let (first, others) = (self.pid(), self.children());
        send_signal("STOP", &[first]).await;
        send_signal("KILL", &others).await;
        send_signal("KILL", &[first]).await;
    }

    /// Waits until a standby has all that is there.
    ///
    /// # Panics
    /// When none comes to have it.
    pub fn is_followed(&self) {
        let sql = "SELECT 1 FROM pg_stat_replication WHERE state = 'streaming' AND flush_lsn >= pg_current_wal_flush_lsn()";
        let begun = Instant::now();
        let follows = || {
            apart(async {
                Ok::<_, tokio_postgres::Error>(connect(self.url()).await?.query(sql, &[]).await?.len())
            })
        };
        while follows().expect("a primary can be asked") == 0 {
            assert!(begun.elapsed() < CATCH_UP, "no standby has caught up");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
