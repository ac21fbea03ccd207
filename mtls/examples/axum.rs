//! An axum service that one peer may call:
//!
//! ```sh
//! cargo run -p mtls --features axum --example axum -- certs/pki/api-service 127.0.0.1:3000 \
//!     spiffe://mtls-demo.local/ns/default/sa/client-service
//! ```

use std::error::Error;
use std::net::TcpListener;

use axum::Router;
use axum::routing::get;
use mtls::{Mtls, Peer, Policy, SpiffeId};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = |name| arguments.next().ok_or(format!("{name} is missing"));
    let mtls = Mtls::from_directory(argument("the identity directory")?)?;
    let listener = TcpListener::bind(argument("the address to listen on")?)?;
    let caller: SpiffeId = argument("the SPIFFE ID of the caller")?.parse()?;

    let app = Router::new()
        .route("/", get(async |peer: Peer| format!("hello {}\n", peer.name())))
        .layer(mtls.authorize(Policy::allow(caller)));
    println!("listening on {}", listener.local_addr()?);
    mtls.serve(listener, app).await?;
    Ok(())
}
