//! Starts the gateway, checks its file, or asks the one that runs how it is.

use std::process::ExitCode;

use gateway::Command;

fn main() -> ExitCode {
    match Command::read() {
        Command::Check(file) => gateway::check(&file),
        Command::Healthcheck(admin) => gateway::healthcheck(admin),
        Command::Run(settings) => service_kit::process::run("gateway", settings, gateway::serve),
    }
}
