//! Looking names up: a bounded number at once, and each name only once at a time.
//!
//! The system's resolver blocks a thread for as long as a name server keeps silent. So that an endpoint whose
//! name server is dead takes one thread and not one for each of its calls, calls for a name that is being
//! looked up wait for that answer. Nothing is kept: the next call asks again.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;
use tokio::sync::{Semaphore, watch};

/// Why a name has no addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum LookupError {
    /// The name server says that there is no such name, or no address for it.
    #[error("name not found")]
    NotFound,
    /// The name server could not be asked.
    #[error("the name could not be looked up: no answer from the name server")]
    NoAnswer,
}

type Outcome = Result<Arc<[SocketAddr]>, LookupError>;
type UnderWay = Arc<Mutex<HashMap<String, watch::Receiver<Option<Outcome>>>>>;
type Source = dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// Where addresses come from. Clones share the bound and what is under way.
#[derive(Clone)]
pub(crate) struct Lookup {
    source: Arc<Source>,
    permits: Arc<Semaphore>,
    under_way: UnderWay,
}

impl Lookup {
    /// Asks `source`, which may block, at most `max_lookups` (at least one) times at once.
    pub(crate) fn new(source: Arc<Source>, max_lookups: usize) -> Self {
        let permits = Arc::new(Semaphore::new(max_lookups.clamp(1, Semaphore::MAX_PERMITS)));
        Self { source, permits, under_way: UnderWay::default() }
    }

    /// The addresses of a name, in the source's order; their ports mean nothing.
    pub(crate) async fn addresses(&self, name: &str) -> Outcome {
        let mut answer = match self.join(name) {
            Some(answer) => answer,
            None => self.begin(name).await?,
        };
        match answer.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Err(LookupError::NoAnswer)),
            Err(_) => Err(LookupError::NoAnswer),
        }
    }

    fn join(&self, name: &str) -> Option<watch::Receiver<Option<Outcome>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Waits for its turn and starts the lookup, unless another call has done so meanwhile. The permit stays
    /// with the thread, not with the caller who may have stopped waiting: the bound is on threads in use.
    async fn begin(&self, name: &str) -> Result<watch::Receiver<Option<Outcome>>, LookupError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| LookupError::NoAnswer)?;
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = under_way.get(name) {
            return Ok(answer.clone());
        }
        let (tell, answer) = watch::channel(None);
        under_way.insert(name.to_owned(), answer.clone());
        drop(under_way);
        let entry = Entry { under_way: Arc::clone(&self.under_way), name: name.to_owned() };
        let source = Arc::clone(&self.source);
        // Nobody waits for the thread: its answer goes to whoever is still there.
        drop(tokio::task::spawn_blocking(move || {
            let outcome = source(&entry.name).map(Arc::from).map_err(|error| meaning(&error));
            drop(entry);
            tell.send_replace(Some(outcome));
            drop(permit);
        }));
        Ok(answer)
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookup").field("free", &self.permits.available_permits()).finish_non_exhaustive()
    }
}

/// A name's place among those under way, given up even if the source panics.
struct Entry {
    under_way: UnderWay,
    name: String,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

/// The system's resolver.
pub(crate) fn system(name: &str) -> io::Result<Vec<SocketAddr>> {
    (name, 0).to_socket_addrs().map(Iterator::collect)
}

/// The system's resolver says only by its text whether it knows that there is no such name, or could not find
/// out.
fn meaning(error: &io::Error) -> LookupError {
    let text = error.to_string();
    match text.contains("emporary failure") || text.contains("ry again") {
        true => LookupError::NoAnswer,
        false => LookupError::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    /// A source that notes each question and answers it when it is told to.
    fn patient() -> (Arc<Source>, Arc<AtomicUsize>, mpsc::Sender<()>) {
        let (release, gate) = mpsc::channel::<()>();
        let (gate, asked) = (Mutex::new(gate), Arc::new(AtomicUsize::new(0)));
        let counter = Arc::clone(&asked);
        let source = move |_: &str| {
            counter.fetch_add(1, Ordering::SeqCst);
            gate.lock().unwrap().recv_timeout(LIMIT).map_err(io::Error::other)?;
            Ok(vec!["127.0.0.1:0".parse().unwrap()])
        };
        (Arc::new(source), asked, release)
    }

    #[tokio::test]
    async fn calls_for_one_name_share_one_lookup() {
        let (source, asked, release) = patient();
        let lookup = Lookup::new(source, 8);
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let lookup = lookup.clone();
            calls.spawn(async move { lookup.addresses("slow.example").await.unwrap().len() });
        }
        while asked.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        release.send(()).unwrap();
        assert_eq!(tokio::time::timeout(LIMIT, calls.join_all()).await.unwrap(), [1; 20]);
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        release.send(()).unwrap();
        assert!(lookup.addresses("slow.example").await.is_ok(), "nothing is kept: it is asked again");
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_silent_name_server_takes_one_place_however_often_it_is_tried() {
        let (hangs, _asked, release) = patient();
        let source = move |name: &str| match name {
            "dead.example" => hangs(name),
            _ => Ok(Vec::new()),
        };
        let lookup = Lookup::new(Arc::new(source), 2);
        for _ in 0..5 {
            let impatient = lookup.addresses("dead.example");
            assert!(tokio::time::timeout(Duration::from_millis(5), impatient).await.is_err());
        }
        let healthy = tokio::time::timeout(LIMIT, lookup.addresses("alive.example")).await;
        assert!(healthy.unwrap().unwrap().is_empty());
        drop(release);
    }

    #[tokio::test]
    async fn a_source_that_panics_fails_its_call_and_no_other() {
        let asked = AtomicUsize::new(0);
        let source = move |_: &str| match asked.fetch_add(1, Ordering::SeqCst) {
            0 => panic!("as arranged"),
            _ => Ok(Vec::new()),
        };
        let lookup = Lookup::new(Arc::new(source), 1);
        assert_eq!(lookup.addresses("odd.example").await.unwrap_err(), LookupError::NoAnswer);
        assert!(lookup.addresses("odd.example").await.is_ok());
    }

    #[test]
    fn a_name_server_that_is_silent_is_told_from_a_name_that_is_not_there() {
        for (text, expected) in [
            (
                "failed to lookup address information: Temporary failure in name resolution",
                LookupError::NoAnswer,
            ),
            ("failed to lookup address information: Try again", LookupError::NoAnswer),
            ("failed to lookup address information: Name or service not known", LookupError::NotFound),
        ] {
            assert_eq!(meaning(&io::Error::other(text)), expected, "{text}");
        }
    }
}
