//! A server of a test: on a free port of this machine, in a runtime of its own, gone when it is dropped.

use std::{future::Future, net::SocketAddr};

use tokio::{
    net::TcpListener,
    runtime::{Builder, Handle, Runtime},
};

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// Dropping it ends the tasks in it.
    _runtime: Runtime,
}

impl Server {
    /// Runs `serve` with a listener and the runtime to spawn on, until the server is dropped.
    pub(crate) fn start<F>(serve: impl FnOnce(TcpListener, Handle) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(serve(listener, runtime.handle().clone()));
        Self { address, _runtime: runtime }
    }
}
