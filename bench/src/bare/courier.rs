//! HTTP out: each courier has one kept connection, and takes the next parcel when the former is delivered and
//! recorded.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use ringback_webhook::SigningSecret;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::rows::Attempt;
use super::writer::Writer;
use crate::connection::{Connection, Target};
use crate::failure::Failure;
use crate::{clock, key};

/// Attempts under way at once: as many as Ringback makes to one endpoint.
const COURIERS: usize = 32;

/// What is to be delivered.
pub(super) struct Parcel {
    /// The delivery's row.
    pub(super) delivery: i64,
    pub(super) webhook_id: String,
    pub(super) payload: Bytes,
}

/// The couriers, and the queue they take from. It has no bound; the rows behind it have none either.
pub(super) struct Couriers {
    queue: mpsc::UnboundedSender<Parcel>,
    _tasks: JoinSet<()>,
}

type Queue = Arc<Mutex<mpsc::UnboundedReceiver<Parcel>>>;

/// Starts them.
pub(super) fn start(receiver: &Target, writer: &Writer) -> Couriers {
    let (queue, parcels) = mpsc::unbounded_channel();
    let parcels = Arc::new(Mutex::new(parcels));
    let mut tasks = JoinSet::new();
    for _ in 0..COURIERS {
        let courier = Courier { receiver: receiver.clone(), writer: writer.clone(), secret: key::endpoint() };
        tasks.spawn(courier.run(Arc::clone(&parcels)));
    }
    Couriers { queue, _tasks: tasks }
}

impl Couriers {
    /// Gives them something to deliver.
    pub(super) fn hand(&self, parcel: Parcel) {
        // It fails only when every courier has ended, which is told where they end.
        let _ = self.queue.send(parcel);
    }
}

struct Courier {
    receiver: Target,
    writer: Writer,
    secret: SigningSecret,
}

impl Courier {
    async fn run(self, parcels: Queue) {
        if let Err(failure) = self.carry_all(&parcels).await {
            failure.tell();
        }
    }

    async fn carry_all(&self, parcels: &Queue) -> Result<(), Failure> {
        let mut connection = Connection::open(&self.receiver).await?;
        loop {
            let next = parcels.lock().await.recv().await;
            let Some(parcel) = next else { return Ok(()) };
            self.carry(&mut connection, parcel).await?;
        }
    }

    async fn carry(&self, connection: &mut Connection, parcel: Parcel) -> Result<(), Failure> {
        let (started_at, begun) = (clock::unix_ms(), Instant::now());
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, HeaderValue::from_static("bare"));
        ringback_webhook::sign([&self.secret], &parcel.webhook_id, clock::unix_secs(), &parcel.payload)
            .expect("an id that verified can be signed, and it is after 1970")
            .apply(&mut headers);
        let answer = connection.post(headers, parcel.payload).await?;
        let attempt = Attempt {
            delivery: parcel.delivery,
            status: answer.status.as_u16(),
            response_body: answer.body,
            started_at,
            duration_ms: u32::try_from(begun.elapsed().as_millis()).unwrap_or(u32::MAX),
        };
        self.writer.finish(attempt).await.ok_or(Failure::WriterGone)
    }
}
