//! A client that talks to one server, and prints what it answers:
//!
//! ```sh
//! cargo run -p mtls --example client -- certs/pki/client-service https://localhost:3000/api/data \
//!     spiffe://mtls-demo.local/ns/default/sa/api-service
//! ```

use std::error::Error;

use http_body_util::BodyExt;
use mtls::client::RequestError;
use mtls::{Mtls, SpiffeId};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = |name| arguments.next().ok_or(format!("{name} is missing"));
    let mtls = Mtls::from_directory(argument("the identity directory")?)?;
    let url = argument("the URL")?;
    let server: SpiffeId = argument("the SPIFFE ID of the server")?.parse()?;

    let client = mtls.client().expect_server(server).build()?;
    match client.get(&url).await {
        Ok(response) => {
            println!("{}", response.status());
            let body = response.into_body().collect().await?.to_bytes();
            println!("{}", String::from_utf8_lossy(&body));
            Ok(())
        }
        Err(RequestError::Refused { refusal, .. }) => {
            Err(format!("{}: {}; {}", refusal.code.as_str(), refusal.sentence, refusal.remedy)
                .into())
        }
        Err(error) => Err(error.into()),
    }
}
