//! The handler of OpenAI's webhook guide, in axum: verify the call, answer at once, and when a background
//! response is completed, fetch it and print its text.
//!
//! ```console
//! $ export OPENAI_API_KEY=sk-… OPENAI_WEBHOOK_SECRET=whsec_…
//! $ cargo run --example axum_guide --features axum -- 127.0.0.1:8000
//! listening on http://127.0.0.1:8000/webhook
//! ```
//!
//! `OPENAI_BASE_URL` names another API than OpenAI's, for instance a sandbox.
//!
//! Left to a real program: to remember each `webhook_id` and do nothing for one that it knows, and to keep
//! the events in a table or a queue that outlives it. What waits in memory is lost when the process ends.

#![expect(clippy::print_stdout, reason = "to print is what the example is for")]

use std::{env, error::Error};

use async_openai::Client;
use axum::{
    Router,
    extract::{FromRef, State},
    http::StatusCode,
    routing::post,
};
use ringback_webhook::{
    Event, EventData, SigningSecret, Verifier,
    integrations::{Receiver, Rejection, Webhook},
};
use tokio::{net::TcpListener, sync::mpsc};

/// How many events may wait for the worker. Beyond that the answer is 503, and OpenAI calls again later.
const MAX_WAITING: usize = 1_000;

/// What the handler works with.
#[derive(Clone)]
struct App {
    receiver: Receiver,
    events: mpsc::Sender<Event>,
}

/// Tells the extractor where its receiver is.
impl FromRef<App> for Receiver {
    fn from_ref(app: &App) -> Self {
        app.receiver.clone()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    let secret = SigningSecret::parse_openai(webhook_secret()?.trim())?;
    let receiver = Receiver::new(Verifier::builder().secret(secret).build()?);
    let (events, waiting) = mpsc::channel(MAX_WAITING);

    let app = Router::new().route("/webhook", post(on_webhook)).with_state(App { receiver, events });
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}/webhook", listener.local_addr()?);
    tokio::select! {
        ended = axum::serve(listener, app) => ended?,
        () = work(waiting) => {}
    }
    Ok(())
}

/// Answers within moments, since OpenAI counts an answer that takes more than a few seconds as a failure:
/// whatever takes time is the worker's.
///
/// The guide answers 400 to whatever does not verify. A handler that takes a plain `Webhook` leaves the
/// answer to the extractor, which tells 400, 401, 413 and 415 apart.
async fn on_webhook(
    State(app): State<App>,
    webhook: Result<Webhook, Rejection>,
) -> (StatusCode, &'static str) {
    let Webhook { received, body: _ } = match webhook {
        Ok(webhook) => webhook,
        Err(rejection) => {
            println!("turned away: {} ({rejection})", rejection.code());
            return (StatusCode::BAD_REQUEST, "Invalid signature");
        }
    };
    match app.events.try_send(received.event) {
        Ok(()) => (StatusCode::OK, ""),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "Busy"),
    }
}

/// Does what the events ask for, one after the other.
async fn work(mut events: mpsc::Receiver<Event>) {
    // Reads OPENAI_API_KEY and OPENAI_BASE_URL.
    let openai = Client::new();
    while let Some(event) = events.recv().await {
        if event.event_type != "response.completed" {
            println!("nothing to do for {}", event.event_type);
            continue;
        }
        match output_text(&openai, &event).await {
            Ok(text) => println!("Response output: {text}"),
            Err(error) => println!("the response was not fetched: {error}"),
        }
    }
}

/// The event holds only the response's id; the response itself is asked for.
async fn output_text(
    openai: &Client<async_openai::config::OpenAIConfig>,
    event: &Event,
) -> Result<String, Box<dyn Error>> {
    let EventData::Object(response) = event.typed_data()? else {
        return Err("the event is about no response".into());
    };
    let response = openai.responses().retrieve(&response.id).await?;
    Ok(response.output_text().unwrap_or_default())
}

#[expect(clippy::disallowed_methods, reason = "this is where the program is put together")]
fn webhook_secret() -> Result<String, env::VarError> {
    env::var("OPENAI_WEBHOOK_SECRET")
}
