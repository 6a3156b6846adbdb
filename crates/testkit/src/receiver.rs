//! A user's app: answers as scripted, and remembers every call.

mod answering;
mod call;
mod reply;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::wait::within;

pub use call::Call;
pub use reply::{Gate, Reply};

/// A receiver on 127.0.0.1. Dropping it closes its port and all its connections.
///
/// Each call takes the next reply of the queue, or the standing one (200 at first) when that is empty.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    desk: Arc<Desk>,
    handed_out: AtomicUsize,
    _accepting: JoinSet<()>,
}

/// What all connections of a receiver share.
#[derive(Debug)]
struct Desk {
    script: Mutex<Script>,
    log: watch::Sender<Log>,
}

/// What is to be answered.
#[derive(Debug)]
struct Script {
    queue: VecDeque<Reply>,
    standing: Reply,
}

/// What has been received.
#[derive(Debug, Default)]
struct Log {
    calls: Vec<Call>,
    running: usize,
    most_running: usize,
}

impl Receiver {
    /// Starts one on a free port.
    ///
    /// # Panics
    /// When loopback cannot be bound.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback can be bound");
        let address = listener.local_addr().expect("a bound listener has an address");
        let script = Script { queue: VecDeque::new(), standing: Reply::status(200) };
        let desk = Arc::new(Desk { script: Mutex::new(script), log: watch::Sender::default() });
        let mut accepting = JoinSet::new();
        accepting.spawn(answering::accept(listener, Arc::clone(&desk)));
        Self { address, desk, handed_out: AtomicUsize::new(0), _accepting: accepting }
    }

    /// Where it is called.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/hooks", self.address)
    }

    /// Answers the next calls so, one each.
    pub fn enqueue(&self, replies: impl IntoIterator<Item = Reply>) {
        self.desk.script().queue.extend(replies);
    }

    /// Answers every call so for which nothing is queued.
    pub fn always(&self, reply: Reply) {
        self.desk.script().standing = reply;
    }

    /// The next call that this method has not given yet, in the order in which their bodies were complete.
    ///
    /// # Panics
    /// When none comes within [`crate::PATIENCE`].
    pub async fn next(&self) -> Call {
        let index = self.handed_out.fetch_add(1, Ordering::SeqCst);
        self.wait_for("a call to the receiver", |log| log.calls.len() > index).await;
        self.desk.log.borrow().calls[index].clone()
    }

    /// Every call so far.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.calls_after(0)
    }

    /// Every call so far but the first `count`.
    #[must_use]
    pub fn calls_after(&self, count: usize) -> Vec<Call> {
        self.desk.log.borrow().calls[count..].to_vec()
    }

    /// How many calls there have been.
    #[must_use]
    pub fn call_count(&self) -> usize {
        self.desk.log.borrow().calls.len()
    }

    /// Waits until so many calls are being answered at this moment.
    ///
    /// # Panics
    /// When that does not happen within [`crate::PATIENCE`].
    pub async fn running(&self, count: usize) {
        self.wait_for("calls to run at once", |log| log.running == count).await;
    }

    /// The most calls that were ever being answered at once.
    #[must_use]
    pub fn most_running(&self) -> usize {
        self.desk.log.borrow().most_running
    }

    async fn wait_for(&self, what: &str, condition: impl FnMut(&Log) -> bool) {
        let mut log = self.desk.log.subscribe();
        within(what, log.wait_for(condition)).await.expect("the receiver itself holds the sending end");
    }
}

impl Desk {
    fn script(&self) -> std::sync::MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_reply(&self) -> Reply {
        let mut script = self.script();
        script.queue.pop_front().unwrap_or_else(|| script.standing.clone())
    }

    /// Notes a call, which runs for as long as the guard lives.
    fn note(self: &Arc<Self>, call: Call) -> Running {
        self.log.send_modify(|log| {
            log.calls.push(call);
            log.running += 1;
            log.most_running = log.most_running.max(log.running);
        });
        Running { desk: Arc::clone(self) }
    }
}

/// A call that is being answered.
struct Running {
    desk: Arc<Desk>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.desk.log.send_modify(|log| log.running -= 1);
    }
}
