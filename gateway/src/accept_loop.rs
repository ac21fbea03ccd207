//! The accept loop of a listener: accepts connections, and serves their requests through the proxy.

use std::net::TcpListener;
use std::sync::Arc;

use mtls::server::{Incoming, serve_connection};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::listener::Listener;
use crate::proxy::Proxy;

/// Signals a connection to end: its listener's configuration has changed, or the listener is
/// closed.
#[derive(Debug)]
struct End {
    over: watch::Receiver<bool>,
    stop: watch::Receiver<bool>,
}

/// Accepts connections until `stop`; open ones then close after the requests in flight.
pub(crate) async fn accept_connections(
    listener: Arc<Listener>,
    socket: TcpListener,
    mut stop: watch::Receiver<bool>,
) {
    let address = listener.address();
    let mut incoming = match Incoming::new(socket) {
        Ok(incoming) => incoming,
        Err(error) => return warn!(%address, %error, "cannot listen"),
    };
    info!(%address, name = &*listener.config().name, "listening");
    loop {
        let tcp = tokio::select! {
            tcp = incoming.next() => tcp,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        tokio::spawn(serve(Arc::clone(&listener), tcp, stop.clone()));
    }
    info!(%address, "stopped listening");
}

async fn serve(listener: Arc<Listener>, tcp: TcpStream, stop: watch::Receiver<bool>) {
    let _busy = listener.busy();
    let config = listener.config();
    let mut end = End { over: config.over.subscribe(), stop };
    // The acceptor reports a refusal on the wire and in the log.
    let Ok(stream) = config.acceptor.handshake(tcp).await else {
        return;
    };
    let settings = config.http.clone();
    // A connection must not keep a replaced configuration alive.
    drop(config);
    let end = async {
        end.requested().await;
        listener.config().http.drain_timeout
    };
    serve_connection(stream, Proxy::new(Arc::clone(&listener)), &settings, end).await;
}

impl End {
    /// Waits until the connection is to end.
    async fn requested(&mut self) {
        tokio::select! {
            biased;
            _ = self.over.wait_for(|over| *over) => {}
            _ = self.stop.wait_for(|stop| *stop) => {}
        }
    }
}
