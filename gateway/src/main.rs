//! Runs the gateway, checks its configuration file, or queries the readiness of a running gateway.

use std::process::ExitCode;

use gateway::Command;

fn main() -> ExitCode {
    match Command::read() {
        Command::Check(file) => gateway::check(&file),
        Command::Healthcheck(admin) => gateway::healthcheck(admin),
        Command::Run(settings) => service_kit::process::run("gateway", settings, gateway::serve),
    }
}
