//! The port: taken before the store is opened, and opened when calls can be answered.
//!
//! A port that is in use is found before anything is begun, and nobody's call waits in it meanwhile.

use std::io;

use tokio::net::{TcpListener, TcpSocket, lookup_host};

use crate::exit::CliError;
use crate::settings::Settings;

/// How many connections wait to be accepted.
const BACKLOG: u32 = 1024;

/// Takes the port of the address that the settings name. Whoever calls it is refused until it listens.
pub(super) async fn bind(settings: &Settings) -> Result<TcpSocket, CliError> {
    bind_one(settings.listen.as_str()).await.map_err(|error| cannot_listen(settings, &error))
}

/// Listens.
pub(super) fn listen(settings: &Settings, socket: TcpSocket) -> Result<TcpListener, CliError> {
    socket.listen(BACKLOG).map_err(|error| cannot_listen(settings, &error))
}

/// The first that can be had of what the name stands for.
async fn bind_one(address: &str) -> io::Result<TcpSocket> {
    let mut refusal = io::Error::new(io::ErrorKind::InvalidInput, "it names no address");
    for address in lookup_host(address).await? {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // What a former run has left in the port is nobody's.
        socket.set_reuseaddr(true)?;
        match socket.bind(address) {
            Ok(()) => return Ok(socket),
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

fn cannot_listen(settings: &Settings, error: &io::Error) -> CliError {
    CliError::CannotStart {
        message: format!(
            "cannot listen on {}: {error}; choose another address with --listen",
            settings.listen.as_str()
        ),
        source: None,
    }
}
