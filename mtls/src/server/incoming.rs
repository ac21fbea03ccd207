//! TCP connections as they arrive at a listener.

use std::io::Result;
use std::net::TcpListener as StdListener;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tracing::warn;

/// Accepts connections for as long as it is asked for more. An error ends nothing: it is logged, no
/// more often than every ten seconds, since a stranger can cause many.
#[derive(Debug)]
pub struct Incoming {
    listener: TcpListener,
    warned: Option<Instant>,
}

impl Incoming {
    /// Takes a listening socket, and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// The socket cannot be used with Tokio.
    pub fn new(listener: StdListener) -> Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self { listener: TcpListener::from_std(listener)?, warned: None })
    }

    /// The next connection. It is safe to drop the future and ask again.
    pub async fn next(&mut self) -> TcpStream {
        loop {
            match self.listener.accept().await {
                Ok((tcp, _)) => return tcp,
                // Out of file descriptors, or a connection that is closed already.
                Err(error) => {
                    if self.warned.is_none_or(|at| at.elapsed() >= WARN_INTERVAL) {
                        self.warned = Some(Instant::now());
                        let address = self.listener.local_addr().ok().map(tracing::field::display);
                        warn!(address, %error, "cannot accept a connection");
                    }
                    tokio::time::sleep(ERROR_PAUSE).await;
                }
            }
        }
    }
}

/// The pause after an error, and the least time between two warnings.
const ERROR_PAUSE: Duration = Duration::from_millis(50);
const WARN_INTERVAL: Duration = Duration::from_secs(10);
