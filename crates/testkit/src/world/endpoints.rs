//! The endpoints of a world.

use std::sync::Arc;

use ringback_domain::{Clock, DeliveryRules, Endpoint, EndpointId, EventPattern, TypedId};
use ringback_store::{EndpointChange, NewEndpoint, Store};
use ringback_webhook::SigningSecret;

use super::World;

impl World {
    /// Makes an endpoint at this URL that wants events of these types, with the default time-out.
    pub async fn endpoint(&self, url: &str, event_types: &[&str]) -> Arc<Endpoint> {
        self.endpoint_with_timeout(url, event_types, ringback_domain::endpoint::DEFAULT_TIMEOUT_SECS).await
    }

    /// The same, with a time-out in seconds, which is real time.
    pub async fn endpoint_with_timeout(
        &self,
        url: &str,
        event_types: &[&str],
        timeout_secs: u8,
    ) -> Arc<Endpoint> {
        self.endpoint_with_rules(url, event_types, timeout_secs, DeliveryRules::default()).await
    }

    /// The same, with rules for its deliveries.
    pub async fn endpoint_with_rules(
        &self,
        url: &str,
        event_types: &[&str],
        timeout_secs: u8,
        rules: DeliveryRules,
    ) -> Arc<Endpoint> {
        let id: EndpointId = self.id();
        let endpoint = NewEndpoint {
            id,
            project_id: self.project,
            name: "app".to_owned(),
            url: url.to_owned(),
            event_types: event_types.iter().map(|text| pattern(text)).collect(),
            description: None,
            timeout_secs,
            headers: Vec::new(),
            authentication: None,
            no_retry_statuses: Vec::new(),
            rules,
            paused: false,
            secret: (self.id(), own_secret(id).into()),
            now: self.clock.now(),
        };
        self.store.create_endpoint(endpoint).await.expect("a healthy store makes an endpoint")
    }

    /// Deletes an endpoint.
    pub async fn delete_endpoint(&self, id: EndpointId) {
        let deleted = self.store.delete_endpoint(self.project, id, self.clock.now()).await;
        deleted.expect("a healthy store deletes an endpoint");
    }

    /// Changes an endpoint.
    pub async fn change_endpoint(&self, id: EndpointId, change: EndpointChange) {
        let changed = self.store.update_endpoint(self.project, id, change, self.clock.now()).await;
        changed.expect("a healthy store changes an endpoint");
    }
}

/// A secret that no other endpoint has.
fn own_secret(id: EndpointId) -> SigningSecret {
    SigningSecret::from_key_bytes(&[id.to_bytes(); 2].concat()).expect("32 bytes are a key")
}

fn pattern(text: &str) -> EventPattern {
    EventPattern::parse(text).expect("a test's event type is one")
}
