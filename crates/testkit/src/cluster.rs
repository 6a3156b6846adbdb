//! Several gateways on one database, each with a port and a data folder of its own.
//!
//! Not guaranteed: that a node which was frozen is dead to the others when it goes on. That depends on how
//! long it was frozen.

use http::Method;
use ringback_webhook::SigningSecret;

use crate::gateway::{Gateway, GatewayBuilder, Stopped};
use crate::wait::until;

/// The nodes, counted from 0. Dropping it kills them all, frozen ones too.
#[derive(Debug)]
pub struct Cluster {
    /// `None` only while a node passes from one state into another.
    seats: Vec<Option<Seat>>,
    /// Where each node is called, also while it is down.
    urls: Vec<String>,
}

#[derive(Debug)]
enum Seat {
    Up(Gateway),
    Frozen(Gateway),
    Down(Stopped),
}

/// Why a seat is never found empty.
const SEATED: &str = "a node is in one of its states";

impl Cluster {
    /// Starts so many nodes, one after the other. The builder says on which database.
    ///
    /// # Panics
    /// When one does not become ready.
    pub async fn start(builder: &GatewayBuilder, nodes: usize) -> Self {
        let mut cluster = Self { seats: Vec::new(), urls: Vec::new() };
        for _ in 0..nodes {
            cluster.add(builder).await;
        }
        cluster
    }

    /// Starts one more; gives its number.
    ///
    /// # Panics
    /// When it does not become ready.
    pub async fn add(&mut self, builder: &GatewayBuilder) -> usize {
        let gateway = builder.clone().start().await;
        self.urls.push(gateway.url().to_owned());
        self.seats.push(Some(Seat::Up(gateway)));
        self.seats.len() - 1
    }

    /// A node that is up.
    ///
    /// # Panics
    /// When it is frozen or down.
    #[must_use]
    pub fn node(&self, node: usize) -> &Gateway {
        match &self.seats[node] {
            Some(Seat::Up(gateway)) => gateway,
            seat => panic!("node {node} is not up: {seat:?}"),
        }
    }

    /// The numbers of those that are up.
    #[must_use]
    pub fn up(&self) -> Vec<usize> {
        let is_up = |node: &usize| matches!(self.seats[*node], Some(Seat::Up(_)));
        (0..self.seats.len()).filter(is_up).collect()
    }

    /// Makes a source at the first node, for calls that are signed with this secret; gives the URL of each
    /// node's ingest for it once all of them know it, which they do within a second.
    ///
    /// # Panics
    /// When one of them does not come to know it, or is not up.
    pub async fn create_source(&self, secret: &SigningSecret) -> Vec<String> {
        let source = self.node(0).create_source(secret).await;
        let url = source["url"].as_str().expect("a source has a url");
        let path = url.strip_prefix(self.node(0).url()).expect("a source's URL is the node's that made it");
        for node in 0..self.seats.len() {
            until("the new source to be known at each node", || async {
                let answer = self.node(node).api(Method::GET, path, None).await;
                // The URL is there, and takes no GET.
                (answer.status == 405).then_some(())
            })
            .await;
        }
        self.urls.iter().map(|node| format!("{node}{path}")).collect()
    }

    /// Ends a node by SIGKILL, whether it is up or frozen.
    ///
    /// # Panics
    /// When it is down.
    pub async fn kill(&mut self, node: usize) {
        let stopped = match self.take(node) {
            Seat::Up(gateway) | Seat::Frozen(gateway) => gateway.kill().await,
            Seat::Down(_) => panic!("node {node} is down"),
        };
        self.seats[node] = Some(Seat::Down(stopped));
    }

    /// Stops a node by SIGTERM, and waits until it has ended in good order.
    ///
    /// # Panics
    /// When it is not up, or [as `Gateway::ended`](Gateway::ended).
    pub async fn stop(&mut self, node: usize) {
        let stopped = self.take_up(node).terminate_with_leftovers().await;
        self.seats[node] = Some(Seat::Down(stopped));
    }

    /// Starts a node again that is down, at its old address.
    ///
    /// # Panics
    /// When it is not down, or does not become ready.
    pub async fn start_again(&mut self, node: usize) {
        let Seat::Down(stopped) = self.take(node) else { panic!("node {node} is not down") };
        self.seats[node] = Some(Seat::Up(stopped.start().await));
    }

    /// Stops a node by SIGSTOP where it stands.
    ///
    /// # Panics
    /// When it is not up.
    pub async fn freeze(&mut self, node: usize) {
        let gateway = self.take_up(node);
        gateway.freeze().await;
        self.seats[node] = Some(Seat::Frozen(gateway));
    }

    /// Lets a frozen node go on.
    ///
    /// # Panics
    /// When it is not frozen.
    pub async fn thaw(&mut self, node: usize) {
        let Seat::Frozen(gateway) = self.take(node) else { panic!("node {node} is not frozen") };
        gateway.thaw().await;
        self.seats[node] = Some(Seat::Up(gateway));
    }

    /// What each node has said in its present or last life.
    #[must_use]
    pub fn talk(&self) -> String {
        let talk = |seat: &Option<Seat>| match seat.as_ref().expect(SEATED) {
            Seat::Up(gateway) | Seat::Frozen(gateway) => gateway.talk(),
            Seat::Down(stopped) => stopped.talk.clone(),
        };
        let talks = self.seats.iter().enumerate();
        talks.map(|(node, seat)| format!("== node {node}\n{}", talk(seat))).collect()
    }

    /// Ends a test as each should end: nothing is left over, and SIGTERM stops each node that is up cleanly.
    ///
    /// # Panics
    /// As [`Gateway::terminate`].
    pub async fn terminate(mut self) {
        for node in self.up() {
            self.take_up(node).terminate().await;
        }
    }

    fn take(&mut self, node: usize) -> Seat {
        self.seats[node].take().expect(SEATED)
    }

    fn take_up(&mut self, node: usize) -> Gateway {
        match self.take(node) {
            Seat::Up(gateway) => gateway,
            _ => panic!("node {node} is not up"),
        }
    }
}
