//! Something between a store and its server that cuts connections, or lets nothing through, at the instant
//! that a test wants.
//!
//! The store's tests take this file in by its path, as they do with the servers.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// What it does with what comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Passes it on.
    Forward,
    /// Takes it, and passes nothing on, neither way. What was swallowed is gone.
    Swallow,
    /// Passes it on, up to the next commit of a transaction in which this text was sent, such as a value (an
    /// empty text: of any). Its connection is cut when the server has answered it, and before the client
    /// hears.
    CutAtCommit(&'static str),
    /// Passes it on; the next connection over which a commit is to go is cut instead.
    SwallowCommit,
    /// Cuts whoever says anything.
    Refuse,
}

/// The proxy. Ends with the test process.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: u16,
    mode: Mutex<Mode>,
    streams: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Before the server at a port of the loopback address.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn start(server: u16) -> Self {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback address has a free port");
        let port = listener.local_addr().expect("a listener has its address").port();
        let shared = Shared { server, mode: Mutex::new(Mode::Forward), streams: Mutex::default() };
        let shared = Arc::new(shared);
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let _ = accepting.serve(&client);
            }
        });
        Self { port, shared }
    }

    /// What it does from now on.
    pub fn set(&self, mode: Mode) {
        *self.shared.mode() = mode;
    }

    /// What it does now: after a cut it forwards.
    #[must_use]
    pub fn mode(&self) -> Mode {
        *self.shared.mode()
    }

    /// Cuts all connections that there are.
    pub fn cut(&self) {
        for stream in self.shared.streams().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// One connection: its two directions, each on a thread of its own.
struct Pump {
    shared: Arc<Shared>,
    /// The transaction under way is one to be cut.
    is_meant: AtomicBool,
    /// It is committed: nothing more comes back.
    is_doomed: AtomicBool,
}

impl Shared {
    fn mode(&self) -> MutexGuard<'_, Mode> {
        self.mode.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn streams(&self) -> MutexGuard<'_, Vec<TcpStream>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client that is gone again, or a server that is not there, is one connection less.
    fn serve(self: &Arc<Self>, client: &TcpStream) -> io::Result<()> {
        let server = TcpStream::connect((Ipv4Addr::LOCALHOST, self.server))?;
        for stream in [client, &server] {
            stream.set_nodelay(true)?;
            self.streams().push(stream.try_clone()?);
        }
        let pump = Arc::new(Pump {
            shared: Arc::clone(self),
            is_meant: AtomicBool::new(false),
            is_doomed: AtomicBool::new(false),
        });
        for (from, to, is_up) in [(client, &server, true), (&server, client, false)] {
            let (from, to, pump) = (from.try_clone()?, to.try_clone()?, Arc::clone(&pump));
            thread::spawn(move || {
                pump.run(&from, &to, is_up);
                let _ = from.shutdown(Shutdown::Both);
                let _ = to.shutdown(Shutdown::Both);
            });
        }
        Ok(())
    }
}

impl Pump {
    /// Until one side ends, or it is time to cut.
    fn run(&self, mut from: &TcpStream, mut to: &TcpStream, is_up: bool) {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let bytes = &buffer[..length];
            let mode = *self.shared.mode();
            if mode == Mode::Swallow {
                continue;
            }
            let is_cut = match is_up {
                true => self.swallows(bytes),
                false => self.is_doomed.load(Ordering::SeqCst),
            };
            if mode == Mode::Refuse || is_cut || to.write_all(bytes).is_err() {
                return;
            }
        }
    }

    /// Looks at what the client says; whether that is to be cut off before the server hears it.
    fn swallows(&self, bytes: &[u8]) -> bool {
        let mut mode = self.shared.mode();
        let is_commit = contains(bytes, b"COMMIT\0");
        match *mode {
            Mode::SwallowCommit if is_commit => {
                *mode = Mode::Forward;
                return true;
            }
            Mode::CutAtCommit(text) => {
                if contains(bytes, text.as_bytes()) {
                    self.is_meant.store(true, Ordering::SeqCst);
                }
                if is_commit && self.is_meant.swap(false, Ordering::SeqCst) {
                    *mode = Mode::Forward;
                    self.is_doomed.store(true, Ordering::SeqCst);
                }
            }
            _ => {}
        }
        false
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    text.is_empty() || bytes.windows(text.len()).any(|window| window == text)
}
