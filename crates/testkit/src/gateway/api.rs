//! The API of a running gateway, as far as tests need it.

use bytes::Bytes;
use http::{Method, Request, header};
use ringback_webhook::SigningSecret;
use serde_json::{Value, json};

use super::{ADMIN_KEY, Gateway};
use crate::http_line::{Answer, HttpLine};
use crate::openai::OpenAi;
use crate::wait::{until, within};

impl Gateway {
    /// Calls the API with the admin key.
    ///
    /// # Panics
    /// When no answer comes within [`crate::PATIENCE`].
    pub async fn api(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {ADMIN_KEY}"));
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = request.body(Bytes::from(body)).expect("a test's path is a path");
        let answer = within("the API's answer", HttpLine::new(self.url()).send(request)).await;
        answer.unwrap_or_else(|error| panic!("the API gave no answer ({error}):\n{}", self.talk()))
    }

    /// Reads an object or a list.
    ///
    /// # Panics
    /// When the answer is not 200.
    pub async fn get(&self, path: &str) -> Value {
        done(path, &self.api(Method::GET, path, None).await)
    }

    /// Waits until `/readyz` answers with this status. What it found a moment ago may hold for a second.
    ///
    /// # Panics
    /// When it does not within [`crate::PATIENCE`].
    pub async fn readiness(&self, status: u16) {
        until(&format!("/readyz to answer {status}"), || async {
            (self.api(Method::GET, "/readyz", None).await.status == status).then_some(())
        })
        .await;
    }

    /// Makes a source for OpenAI's calls that are signed with this secret.
    ///
    /// # Panics
    /// When the answer is not 200.
    pub async fn create_source(&self, secret: &SigningSecret) -> Value {
        let path = "/v1/webhook_sources";
        let body = json!({"name": "jobs", "kind": "openai", "signing_secret": secret.reveal().as_str()});
        done(path, &self.api(Method::POST, path, Some(&body)).await)
    }

    /// Makes an endpoint; gives it with the secret that its calls are signed with.
    ///
    /// # Panics
    /// When the answer is not 200, or shows no usable secret.
    pub async fn create_endpoint(&self, url: &str, event_types: &[&str]) -> (Value, SigningSecret) {
        self.create_endpoint_from(json!({"name": "app", "url": url, "event_types": event_types})).await
    }

    /// Makes an endpoint from all its fields; gives it with the secret that its calls are signed with.
    ///
    /// # Panics
    /// As [`Gateway::create_endpoint`].
    pub async fn create_endpoint_from(&self, body: Value) -> (Value, SigningSecret) {
        let path = "/v1/webhook_endpoints";
        let endpoint = done(path, &self.api(Method::POST, path, Some(&body)).await);
        let secret = endpoint["signing_secret"].as_str().expect("a new endpoint shows its secret");
        let secret = SigningSecret::parse(secret).expect("an endpoint's secret is whsec_ and base64");
        (endpoint, secret)
    }

    /// An event with its deliveries and their attempts.
    ///
    /// # Panics
    /// When the answer is not 200.
    pub async fn event(&self, id: &str) -> Value {
        self.get(&format!("/v1/webhook_events/{id}")).await
    }

    /// Every event there is, newest first, over as many pages as it takes.
    ///
    /// # Panics
    /// When an answer is not 200, or not a list.
    pub async fn events(&self) -> Vec<Value> {
        let mut events = Vec::new();
        let mut path = "/v1/webhook_events?limit=100".to_owned();
        loop {
            let page = self.get(&path).await;
            events.extend(page["data"].as_array().expect("a list has data").iter().cloned());
            if page["has_more"] != true {
                return events;
            }
            let last = page["last_id"].as_str().expect("a page that has more has a last item");
            path = format!("/v1/webhook_events?limit=100&after={last}");
        }
    }

    /// Waits until nothing is pending and no attempt is under way.
    ///
    /// # Panics
    /// When that does not come within [`crate::PATIENCE`].
    pub(super) async fn nothing_left_over(&self) {
        until("every delivery to have come to its end", || async {
            let stats = self.get("/v1/webhook_stats").await;
            (stats["pending"] == 0 && stats["in_flight"] == 0).then_some(())
        })
        .await;
    }

    /// A new source, and its caller.
    ///
    /// # Panics
    /// As [`Gateway::create_source`].
    pub async fn openai(&self, secret: &SigningSecret) -> OpenAi {
        let source = self.create_source(secret).await;
        OpenAi::new(source["url"].as_str().expect("a source has a url"), secret.clone())
    }
}

/// The body of an answer 200.
fn done(path: &str, answer: &Answer) -> Value {
    let body = answer.json();
    assert_eq!(answer.status, 200, "{path}: {body}");
    body
}
