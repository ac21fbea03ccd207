//! Starts the gateway, or checks its file.

use std::process::ExitCode;

use gateway::Command;

fn main() -> ExitCode {
    match Command::read() {
        Command::Check(file) => gateway::check(&file),
        Command::Run(settings) => service_kit::process::run("gateway", settings, gateway::serve),
    }
}
