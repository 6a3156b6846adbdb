//! A way to a PostgreSQL server on which round trips are counted.
//!
//! A round trip is when a node speaks after the server has spoken, on one connection: however many statements
//! it sends before it needs an answer, they are one. The relay costs processor time, so a window that goes by
//! way of it tells nothing of speed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;
use tokio::io::{self, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use crate::failure::Failure;

/// The name of the server's socket in its folder, at the usual port.
const SOCKET: &str = ".s.PGSQL.5432";
/// Of each direction of a connection.
const BUFFER_BYTES: usize = 64 * 1024;

/// The relay, running until it is dropped.
pub(crate) struct Relay {
    trips: Arc<AtomicU64>,
    _accepting: JoinSet<()>,
    folder: TempDir,
}

impl Relay {
    /// One to the server whose socket is in this folder.
    pub(crate) fn start(server: &Path) -> Result<Self, Failure> {
        let action = "relay connections to PostgreSQL";
        let folder =
            tempfile::Builder::new().prefix("ringback-relay").tempdir().map_err(Failure::io(action))?;
        let listener = UnixListener::bind(folder.path().join(SOCKET)).map_err(Failure::io(action))?;
        let (trips, server) = (Arc::new(AtomicU64::new(0)), server.join(SOCKET));
        let (mut accepting, counter) = (JoinSet::new(), Arc::clone(&trips));
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((node, _)) = listener.accept().await {
                let (server, trips) = (server.clone(), Arc::clone(&counter));
                // One that breaks off is the node's or the server's doing, which the other side sees.
                connections.spawn(async move { drop(relay(node, &server, &trips).await) });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { trips, _accepting: accepting, folder })
    }

    /// The folder of the socket that nodes are to use.
    pub(crate) fn sockets(&self) -> &Path {
        self.folder.path()
    }

    /// Round trips so far, over all connections.
    pub(crate) fn trips(&self) -> u64 {
        self.trips.load(Ordering::Relaxed)
    }
}

async fn relay(mut node: UnixStream, server: &Path, trips: &AtomicU64) -> io::Result<()> {
    let mut server = UnixStream::connect(server).await?;
    let (mut asked, mut answered) = (vec![0; BUFFER_BYTES], vec![0; BUFFER_BYTES]);
    let mut node_is_speaking = false;
    loop {
        tokio::select! {
            count = node.read(&mut asked) => {
                let count = count?;
                if count == 0 {
                    return Ok(());
                }
                if !std::mem::replace(&mut node_is_speaking, true) {
                    trips.fetch_add(1, Ordering::Relaxed);
                }
                server.write_all(&asked[..count]).await?;
            }
            count = server.read(&mut answered) => {
                let count = count?;
                if count == 0 {
                    return Ok(());
                }
                node_is_speaking = false;
                node.write_all(&answered[..count]).await?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_asked_at_once_is_one_round_trip() {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join(SOCKET)).unwrap();
        let relay = Relay::start(folder.path()).unwrap();
        let mut node = UnixStream::connect(relay.sockets().join(SOCKET)).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let mut bytes = [0; 2];
        for round in 1..=3 {
            // The second byte goes only once the first has arrived.
            for byte in 0..2 {
                node.write_all(b"a").await.unwrap();
                server.read_exact(&mut bytes[byte..=byte]).await.unwrap();
            }
            assert_eq!(relay.trips(), round);
            server.write_all(b"b").await.unwrap();
            node.read_exact(&mut bytes[..1]).await.unwrap();
        }
    }
}
