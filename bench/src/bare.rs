//! The floor: what a good engineer would write in a day to take in webhooks and hand them on.
//!
//! It reads the head of the envelope, verifies, deduplicates, commits the same rows under the same schema and
//! pragmas in groups, and answers 200 after the commit; with a receiver it signs anew, posts over kept
//! connections and records the attempt. It has no API, no configuration, no leases, no limits, no retries and
//! no shutdown: that is what Ringback's extra cost pays for, and what the ratio prices.

mod courier;
mod ingest;
mod rows;
mod writer;

use std::io::{self, Write as _};

use serde_json::json;
use tokio::net::TcpListener;

pub(crate) use ingest::PATH;
#[cfg(test)]
pub(crate) use rows::create;
pub(crate) use rows::{Arrival, Attempt, Ids};
pub(crate) use writer::Writer;

use crate::args::BareOptions;
use crate::connection::Target;
use crate::failure::Failure;

/// Runs it until it is killed.
pub(crate) fn run(options: &BareOptions) -> Result<(), Failure> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::io("start"))?;
    runtime.block_on(serve(options))
}

async fn serve(options: &BareOptions) -> Result<(), Failure> {
    let receiver =
        options.receiver.as_ref().map(|url| Target::of(url).ok_or(Failure::MissingField { field: "url" }));
    let receiver = receiver.transpose()?;
    let writer = Writer::open(&options.data_dir, receiver.is_some())?;
    let couriers = receiver.map(|receiver| courier::start(&receiver, &writer));
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(Failure::io("listen"))?;
    let address = listener.local_addr().map_err(Failure::io("listen"))?;
    let ready = json!({"object": "server", "url": format!("http://{address}")});
    writeln!(io::stdout().lock(), "{ready}").map_err(Failure::io("say that it is ready"))?;
    ingest::serve(listener, writer, couriers).await
}
