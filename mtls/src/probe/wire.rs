//! The TCP connection of a probe, on which nothing lasts for longer than it may.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::{LIMIT, ProbeError, Server};

pub(super) struct Wire {
    pub(super) address: SocketAddr,
    deadline: Instant,
    tcp: TcpStream,
}

impl Wire {
    /// Connects to the first address of the server that answers.
    pub(super) fn connect(server: &Server) -> std::result::Result<Self, ProbeError> {
        let name = server.host();
        let addresses = addresses(name.clone(), server.port())
            .map_err(|source| ProbeError::NotFound { name: name.clone(), source })?;
        let mut failure =
            ProbeError::NotFound { name, source: Error::new(ErrorKind::NotFound, "it has none") };
        for address in addresses {
            let tcp = TcpStream::connect_timeout(&address, LIMIT)
                .and_then(|tcp| tcp.set_nodelay(true).map(|()| tcp));
            match tcp {
                Ok(tcp) => return Ok(Self { address, deadline: Instant::now() + LIMIT, tcp }),
                Err(source) => failure = ProbeError::NotConnected { address, source },
            }
        }
        Err(failure)
    }

    /// Gives what follows so much time, from now on.
    pub(super) fn limit(&mut self, limit: Duration) {
        self.deadline = Instant::now() + limit;
    }

    fn left(&self) -> Result<Option<Duration>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.tcp.set_read_timeout(self.left()?)?;
        self.tcp.read(buffer).map_err(in_time)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.tcp.set_write_timeout(self.left()?)?;
        self.tcp.write(bytes).map_err(in_time)
    }

    fn flush(&mut self) -> Result<()> {
        self.tcp.flush()
    }
}

/// Unix says `WouldBlock` where a time limit was reached.
fn in_time(error: Error) -> Error {
    if error.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { error }
}

/// The system's own search has no time limit; it is left behind where it takes too long.
fn addresses(name: String, port: u16) -> Result<Vec<SocketAddr>> {
    let (found, finding) = mpsc::channel();
    std::thread::spawn(move || {
        let addresses = (name.as_str(), port).to_socket_addrs().map(Iterator::collect);
        let _ = found.send(addresses);
    });
    finding.recv_timeout(LIMIT).unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
}
