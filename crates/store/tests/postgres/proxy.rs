//! Something between a store and its server that cuts connections, or lets nothing through, at the instant that a test wants.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// What it does with what comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Passes it on.
    Forward,
    /// Takes it, and passes nothing on, neither way. What was swallowed is gone.
    Swallow,
    /// Passes it on; the next connection over which a commit goes is cut when the server has answered it, and before the client hears.
    CutAtCommit,
    /// Passes it on; the next connection over which a commit is to go is cut instead.
    SwallowCommit,
    /// Cuts whoever comes.
    Refuse,
}

/// The proxy. Ends with the test process.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    server: u16,
    mode: Mutex<Mode>,
    streams: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Before the server at a port of the loopback address.
    pub(crate) fn start(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Shared { server, mode: Mutex::new(Mode::Forward), streams: Mutex::default() };
        let shared = Arc::new(shared);
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                accepting.serve(&client);
            }
        });
        Self { port, shared }
    }

    pub(crate) fn set(&self, mode: Mode) {
        *self.shared.mode.lock().unwrap() = mode;
    }

    pub(crate) fn mode(&self) -> Mode {
        *self.shared.mode.lock().unwrap()
    }

    /// Cuts all connections that there are.
    pub(crate) fn cut(&self) {
        for stream in self.shared.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn serve(self: &Arc<Self>, client: &TcpStream) {
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.server)) else { return };
        for stream in [client, &server] {
            stream.set_nodelay(true).unwrap();
            self.streams.lock().unwrap().push(stream.try_clone().unwrap());
        }
        let doomed = Arc::new(AtomicBool::new(false));
        for (from, to, is_up) in [(client, &server, true), (&server, client, false)] {
            let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            let (shared, doomed) = (Arc::clone(self), Arc::clone(&doomed));
            thread::spawn(move || {
                shared.pump(&from, &to, is_up, &doomed);
                let _ = from.shutdown(Shutdown::Both);
                let _ = to.shutdown(Shutdown::Both);
            });
        }
    }

    /// Until one side ends, or it is time to cut.
    fn pump(&self, mut from: &TcpStream, mut to: &TcpStream, is_up: bool, doomed: &AtomicBool) {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let bytes = &buffer[..length];
            let mode = *self.mode.lock().unwrap();
            if mode == Mode::Swallow {
                continue;
            }
            if mode == Mode::Refuse {
                return;
            }
            if !is_up && doomed.load(Ordering::SeqCst) {
                return;
            }
            let is_commit = is_up && bytes.windows(7).any(|text| text == b"COMMIT\0");
            if is_commit && matches!(mode, Mode::CutAtCommit | Mode::SwallowCommit) {
                *self.mode.lock().unwrap() = Mode::Forward;
                if mode == Mode::SwallowCommit {
                    return;
                }
                doomed.store(true, Ordering::SeqCst);
            }
            if to.write_all(bytes).is_err() {
                return;
            }
        }
    }
}
