//! A proxy on the loopback address that opens tunnels and tells what it was asked.

use std::net::SocketAddr;

use ringback_egress::Proxy;
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpSocket;
use tokio::sync::mpsc;

use crate::receiver::{Receiver, read_request};

const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n";

/// The proxy and the heads of the requests that came to it.
pub(crate) struct Tunnels {
    receiver: Receiver,
    heads: mpsc::UnboundedReceiver<String>,
}

impl Tunnels {
    /// Opens a tunnel to whatever it is asked for; a name is 127.0.0.1 to it.
    pub(crate) async fn open() -> Self {
        Self::start(|_, _| None).await
    }

    /// The same, but what `refuse` says of a request, given its number and its head, is answered in place of
    /// it.
    pub(crate) async fn start(
        refuse: impl Fn(usize, &str) -> Option<String> + Clone + Send + 'static,
    ) -> Self {
        let (tell, heads) = mpsc::unbounded_channel();
        let receiver = Receiver::start(move |number, mut stream| {
            let (tell, refuse) = (tell.clone(), refuse.clone());
            async move {
                let Some(head) = read_request(&mut stream).await else { return };
                let head = String::from_utf8(head).expect("a head is text");
                let refusal = refuse(number, &head);
                let target = target(&head);
                tell.send(head).expect("the test is there");
                if let Some(refusal) = refusal {
                    let _ = stream.write_all(refusal.as_bytes()).await;
                    return;
                }
                let socket = TcpSocket::new_v4().expect("a socket can be made");
                let mut far = socket.connect(target).await.expect("the target listens");
                stream.write_all(ESTABLISHED).await.expect("the client listens");
                let _ = copy_bidirectional(&mut stream, &mut far).await;
            }
        })
        .await;
        Self { receiver, heads }
    }

    /// The proxy's address, as a client is told it; `user_info` is empty or ends with `@`.
    pub(crate) fn proxy(&self, user_info: &str) -> Proxy {
        let url = format!("http://{user_info}127.0.0.1:{}", self.receiver.port());
        Proxy::parse(&url).expect("a loopback address is a proxy's")
    }

    pub(crate) fn port(&self) -> u16 {
        self.receiver.port()
    }

    /// How many connections there have been.
    pub(crate) fn accepted(&self) -> usize {
        self.receiver.accepted()
    }

    /// The next head that came, its lines sorted but for the first.
    pub(crate) async fn head(&mut self) -> Vec<String> {
        let head = self.heads.recv().await.expect("the proxy runs");
        let mut lines: Vec<String> = head.trim_end().split("\r\n").map(str::to_owned).collect();
        lines[1..].sort_unstable();
        lines
    }
}

/// Where `CONNECT host:port HTTP/1.1` leads.
fn target(head: &str) -> SocketAddr {
    let authority = head.split(' ').nth(1).expect("a request line has a target");
    authority.parse().unwrap_or_else(|_| {
        let (_, port) = authority.rsplit_once(':').expect("a target has a port");
        SocketAddr::from(([127, 0, 0, 1], port.parse().expect("a port is a number")))
    })
}
