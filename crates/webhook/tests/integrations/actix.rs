//! The extractor in actix-web.

use std::{net::SocketAddr, sync::mpsc, thread};

use actix_web::{
    App, Error, HttpServer,
    body::MessageBody,
    dev::{ServerHandle, ServiceRequest, ServiceResponse},
    http::header::{HeaderName, HeaderValue},
    middleware::{Next, from_fn},
    rt::System,
    web,
};
use ringback_webhook::integrations::{Rejection, Webhook};

use crate::cases::{self, CODE};

/// actix-web has a runtime of its own, so it gets a thread of its own.
struct Server {
    address: SocketAddr,
    handle: ServerHandle,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    fn start(configure: fn(&mut web::ServiceConfig)) -> Self {
        let (sender, started) = mpsc::channel();
        let thread = thread::spawn(move || {
            let app = move || App::new().wrap(from_fn(tell_code)).configure(configure);
            let server = HttpServer::new(app).workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
            let address = server.addrs()[0];
            System::new().block_on(async move {
                let server = server.run();
                sender.send((address, server.handle())).unwrap();
                server.await.unwrap();
            });
        });
        let (address, handle) = started.recv().unwrap();
        Self { address, handle, thread: Some(thread) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Told by the call itself; the future would only wait, and that is what joining does.
        drop(self.handle.stop(false));
        let ended = self.thread.take().map(thread::JoinHandle::join);
        assert!(ended.is_some_and(|ended| ended.is_ok()) || thread::panicking(), "the server panicked");
    }
}

/// What a middleware that logs would see.
async fn tell_code(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let mut response = next.call(request).await?;
    let rejection = response.response().error().and_then(|error| error.as_error::<Rejection>());
    if let Some(code) = cases::code_of(rejection) {
        response.headers_mut().insert(HeaderName::from_static(CODE), HeaderValue::from_static(code));
    }
    Ok(response)
}

async fn on_webhook(webhook: Webhook) -> String {
    cases::report(&webhook)
}

#[test]
fn every_call_gets_its_answer() {
    let server = Server::start(|app| {
        app.app_data(cases::receiver()).route("/webhook", web::post().to(on_webhook));
    });
    cases::check(server.address);
}

#[test]
fn the_receiver_may_be_in_web_data() {
    let server = Server::start(|app| {
        app.app_data(web::Data::new(cases::receiver())).route("/webhook", web::post().to(on_webhook));
    });
    assert_eq!(cases::good().send(server.address).status, 200);
    let (forged, status, code) = cases::forged();
    let answer = forged.send(server.address);
    assert_eq!((answer.status, answer.header(CODE)), (status, Some(code)));
}

#[test]
fn without_a_receiver_nothing_is_accepted() {
    let server = Server::start(|app| {
        app.route("/webhook", web::post().to(on_webhook));
    });
    let answer = cases::good().send(server.address);
    assert_eq!((answer.status, answer.header(CODE)), (500, Some("receiver_not_configured")));
    assert_eq!(answer.body, r#"{"error":"internal_server_error"}"#);
}

#[test]
fn a_handler_can_judge_for_itself() {
    async fn on_webhook(webhook: Result<Webhook, Rejection>) -> String {
        webhook.map_or_else(|rejection| rejection.code().to_owned(), |webhook| cases::report(&webhook))
    }
    let server = Server::start(|app| {
        app.app_data(cases::receiver()).route("/webhook", web::post().to(on_webhook));
    });
    let (forged, _, code) = cases::forged();
    let answer = forged.send(server.address);
    assert_eq!((answer.status, answer.body.as_str()), (200, code));
    assert!(cases::good().send(server.address).body.starts_with("wh_1 0 "));
}
