//! A gRPC service, here the standard health service, that authorizes each method by SPIFFE ID:
//! one peer may call `Check`, another may call `Watch`.
//!
//! ```sh
//! cargo run -p mtls --features axum --example tonic -- certs/pki/api-service 127.0.0.1:3000 \
//!     spiffe://mtls-demo.local/ns/default/sa/client-service \
//!     spiffe://mtls-demo.local/ns/default/sa/gateway
//! ```

use std::error::Error;
use std::net::TcpListener;

use axum::Router;
use mtls::{Mtls, Policy, SpiffeId};
use tonic_health::ServingStatus;
use tower::Layer;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = |name| arguments.next().ok_or(format!("{name} is missing"));
    let mtls = Mtls::from_directory(argument("the identity directory")?)?;
    let listener = TcpListener::bind(argument("the address to listen on")?)?;
    let checker: SpiffeId = argument("the SPIFFE ID that may call Check")?.parse()?;
    let watcher: SpiffeId = argument("the SPIFFE ID that may call Watch")?.parse()?;

    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status("orders", ServingStatus::Serving).await;
    // A method without a route is answered 404, which gRPC clients report as UNIMPLEMENTED; a
    // refusal is 403, reported as PERMISSION_DENIED.
    let check = mtls.authorize(Policy::allow(checker)).layer(health.clone());
    let watch = mtls.authorize(Policy::allow(watcher)).layer(health);
    let app = Router::new()
        .route_service("/grpc.health.v1.Health/Check", check)
        .route_service("/grpc.health.v1.Health/Watch", watch);
    println!("listening on {}", listener.local_addr()?);
    mtls.serve(listener, app).await?;
    Ok(())
}
