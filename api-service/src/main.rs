//! Starts the API service.

use std::process::ExitCode;

fn main() -> ExitCode {
    let settings = api_service::Settings::read();
    service_kit::process::run("api-service", settings, api_service::serve)
}
