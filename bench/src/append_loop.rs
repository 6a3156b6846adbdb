//! The floor's floor: the bare server's group-commit thread, fed by tasks of this process without any HTTP.
//!
//! A bare server that is much slower than this is not lean, and a ratio to it flatters.

use std::sync::Arc;

use bytes::Bytes;
use ringback_webhook::EnvelopeHead;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::args::Plan;
use crate::bare::{Arrival, Attempt, Writer};
use crate::clock;
use crate::failure::Failure;
use crate::ledger::{CallId, Ledger};

/// The loop, with its database. As many tasks feed it as there are connections.
pub(crate) struct AppendLoop {
    writer: Writer,
    tasks: u32,
    /// Whether each event has a delivery, and an attempt that succeeds.
    delivering: bool,
    _folder: TempDir,
}

impl AppendLoop {
    /// Makes the database in a folder of its own under `folder`.
    pub(crate) fn start(folder: &std::path::Path, plan: Plan, delivering: bool) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new()
            .prefix("loop")
            .tempdir_in(folder)
            .map_err(Failure::io("make a data folder"))?;
        let writer = Writer::open(folder.path(), delivering)?;
        Ok(Self { writer, tasks: plan.connections, delivering, _folder: folder })
    }

    /// Runs it for `plan.window`. Returns how many events a second it wrote.
    pub(crate) async fn measure(&self, ledger: Ledger, plan: Plan) -> Result<f64, Failure> {
        let ledger = Arc::new(ledger);
        let end = Instant::now() + plan.window;
        let mut tasks = JoinSet::new();
        for _ in 0..self.tasks {
            tasks.spawn(feed(self.writer.clone(), Arc::clone(&ledger), end, self.delivering));
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        Ok(ledger.accepted_by(end.into_std()) as f64 / plan.window.as_secs_f64())
    }
}

async fn feed(writer: Writer, ledger: Arc<Ledger>, end: Instant, delivering: bool) -> Result<(), Failure> {
    while Instant::now() < end {
        let id = ledger.begin();
        let appended = writer.append(arrival(id)).await.ok_or(Failure::WriterGone)?;
        if let (true, Some(delivery)) = (delivering, appended.delivery) {
            writer.finish(success(delivery)).await.ok_or(Failure::WriterGone)?;
        }
        ledger.accept(id);
    }
    Ok(())
}

fn arrival(id: CallId) -> Arrival {
    let body = id.body();
    let head = EnvelopeHead::parse(&body).expect("the ledger's bodies are events");
    Arrival::new(&id.webhook_id(), head, body.clone(), clock::unix_ms())
}

fn success(delivery: i64) -> Attempt {
    Attempt {
        delivery,
        status: 200,
        response_body: Bytes::new(),
        started_at: clock::unix_ms(),
        duration_ms: 0,
    }
}
