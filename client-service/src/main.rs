//! Starts the client service.

use std::process::ExitCode;

fn main() -> ExitCode {
    let settings = client_service::Settings::read();
    service_kit::process::run("client-service", settings, client_service::serve)
}
