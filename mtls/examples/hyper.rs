//! A server with a loop of its own on hyper, for whatever `Mtls::serve` does not offer:
//!
//! ```sh
//! cargo run -p mtls --example hyper -- certs/pki/api-service 127.0.0.1:3000
//! ```

use std::convert::Infallible;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use mtls::connection::session::Session;
use mtls::server::{Acceptor, PeerService};
use mtls::{Mtls, Peer};
use tokio::net::{TcpListener, TcpStream};
use tower::service_fn;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = |name| arguments.next().ok_or(format!("{name} is missing"));
    let mtls = Mtls::from_directory(argument("the identity directory")?)?;
    let listener = TcpListener::bind(argument("the address to listen on")?).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (tcp, _) = listener.accept().await?;
        tokio::spawn(serve(mtls.acceptor(), tcp));
    }
}

async fn serve(acceptor: Acceptor, tcp: TcpStream) {
    // A refusal is already sent, recorded and logged.
    let Ok(stream) = acceptor.handshake(tcp).await else { return };
    let connection = Arc::clone(stream.connection());
    let is_http2 = connection.session().is_some_and(Session::is_http2);
    // Puts the `Peer` into each request, and counts those in flight.
    let service = PeerService::new(service_fn(hello), connection);
    let io = TokioIo::new(stream);
    // The stream keeps the time limits of the acceptor.
    let ended = if is_http2 {
        let mut server = http2::Builder::new(TokioExecutor::new());
        server.timer(TokioTimer::new()).max_concurrent_streams(128);
        server.serve_connection(io, service).await
    } else {
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(None);
        server.serve_connection(io, service).await
    };
    ended.unwrap_or_else(|error| eprintln!("the connection ended: {error}"));
}

async fn hello(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    let peer = request.extensions().get::<Peer>();
    let name = peer.map_or("an anonymous client", Peer::name);
    Ok(Response::new(format!("hello {name}\n")))
}
