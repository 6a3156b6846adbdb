//! The load: freshly signed calls, or publications, over kept connections, as fast as they are answered or at
//! a pace.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use ringback_webhook::SigningSecret;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::connection::{Connection, Target};
use crate::failure::Failure;
use crate::ledger::{CallId, Ledger};
use crate::receiver::Manner;
use crate::{clock, key, spread};

/// Connections of a paced load at least: so many that one slow answer does not delay the next call.
const FEWEST_PACED: u32 = 16;
/// Calls a second on one connection of a paced load at most: so an answer may take a tenth of a second.
const PER_CONNECTION: u32 = 10;

/// How calls follow one another.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// So many connections, on each of which a call follows the former's answer.
    Full {
        /// How many.
        connections: u32,
    },
    /// So many calls a second, whether or not the former were answered.
    Even {
        /// How many.
        per_second: u32,
    },
}

/// What one call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// One event, signed as OpenAI signs.
    Signed,
    /// The same, of the types of [`spread`]'s endpoints in turn.
    Spread,
    /// One event to be published.
    Published,
    /// So many events to be published in one transaction.
    PublishedTogether(u32),
}

/// A load that is ready to begin: connected.
pub(crate) struct Load {
    pace: Pace,
    call: Call,
    connections: Vec<Connection>,
}

impl Load {
    /// Opens the connections, to each of the targets in turn.
    pub(crate) async fn connect(targets: &[Target], call: Call, pace: Pace) -> Result<Self, Failure> {
        let count = match pace {
            Pace::Full { connections } => connections,
            Pace::Even { per_second } => per_second.div_ceil(PER_CONNECTION).max(FEWEST_PACED),
        };
        let mut connections = Vec::new();
        for target in targets.iter().cycle().take(count as usize) {
            connections.push(Connection::open(target).await?);
        }
        Ok(Self { pace, call, connections })
    }

    /// Makes calls until `end`, and waits for the last answers.
    pub(crate) async fn run(self, ledger: &Arc<Ledger>, end: Instant) -> Result<(), Failure> {
        let begin = Instant::now();
        let count = u32::try_from(self.connections.len()).unwrap_or(u32::MAX);
        let mut callers = JoinSet::new();
        for (place, connection) in (0..).zip(self.connections) {
            let (secret, ledger) = (key::source(), Arc::clone(ledger));
            let caller = Caller { connection, call: self.call, secret, ledger };
            match self.pace {
                Pace::Full { .. } => callers.spawn(caller.saturate(end)),
                Pace::Even { per_second } => {
                    let gap = Duration::from_secs(1) / per_second;
                    callers.spawn(caller.keep_pace(begin + gap * place, gap * count, end))
                }
            };
        }
        while let Some(ended) = callers.join_next().await {
            ended??;
        }
        Ok(())
    }
}

/// One connection's calls.
struct Caller {
    connection: Connection,
    call: Call,
    secret: SigningSecret,
    ledger: Arc<Ledger>,
}

impl Caller {
    async fn saturate(mut self, end: Instant) -> Result<(), Failure> {
        while Instant::now() < end {
            self.call().await?;
        }
        Ok(())
    }

    async fn keep_pace(mut self, first: Instant, gap: Duration, end: Instant) -> Result<(), Failure> {
        let mut next = first;
        while next < end {
            sleep_until(next).await;
            self.call().await?;
            next += gap;
        }
        Ok(())
    }

    async fn call(&mut self) -> Result<(), Failure> {
        let count = if let Call::PublishedTogether(events) = self.call { events } else { 1 };
        let ids: Vec<CallId> = (0..count).map(|_| self.ledger.begin()).collect();
        let (headers, body) = match (self.call, ids.as_slice()) {
            (Call::Signed, [id]) => {
                let body = id.body();
                (signed(&self.secret, *id, &body), body)
            }
            (Call::Spread, [id]) => {
                let body = id.body_of(&spread::event_type(id.index()));
                (signed(&self.secret, *id, &body), body)
            }
            (Call::Published, [id]) => (key::bearer(), Bytes::from(id.publication())),
            (_, ids) => {
                let events: Vec<String> = ids.iter().map(|id| id.publication()).collect();
                (key::bearer(), Bytes::from(format!(r#"{{"events":[{}]}}"#, events.join(","))))
            }
        };
        let answer = self.connection.post(headers, body).await?;
        if answer.status == StatusCode::OK {
            ids.into_iter().for_each(|id| self.accept(id));
        }
        Ok(())
    }

    fn accept(&self, id: CallId) {
        if self.call == Call::Spread && spread::manner(id.index()) != Manner::Prompt {
            self.ledger.accept_unawaited(id);
        } else {
            self.ledger.accept(id);
        }
    }
}

fn signed(secret: &SigningSecret, id: CallId, body: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    ringback_webhook::sign([secret], &id.webhook_id(), clock::unix_secs(), body)
        .expect("an id of hexadecimal digits and a time after 1970 can be signed")
        .apply(&mut headers);
    headers
}
