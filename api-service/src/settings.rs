//! The settings of the API service.

use clap::{CommandFactory, FromArgMatches, Parser};
use mtls::pki::role::Role;
use service_kit::healthcheck;
use service_kit::settings::{Problems, ServiceArguments, ServiceSettings};

/// The API of mtls-demo: it answers only to clients that prove themselves by certificate.
///
/// Every setting is a flag and an environment variable; a flag wins.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    service: ServiceArguments,
}

/// Checked settings.
#[derive(Debug)]
pub struct Settings {
    pub(crate) service: ServiceSettings,
}

impl Settings {
    /// Reads flags and environment, and checks them as a whole, the identity included.
    ///
    /// An unknown flag ends the process with 2, and `--help` with 0, as clap has it; `healthcheck`
    /// ends it with what the running service says of itself.
    ///
    /// # Errors
    ///
    /// Every problem there is.
    pub fn read() -> Result<Self, Problems> {
        let command = Arguments::command();
        let command = ServiceArguments::with_defaults(command, "0.0.0.0", "3000", "9000");
        let matches = command.get_matches();
        let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|e| e.exit());
        healthcheck::exit_if_requested(&matches, &arguments.service);
        let mut problems = Problems::default();
        let service = ServiceSettings::check(&arguments.service, Role::Server, &mut problems);
        problems.or(service.map(|service| Self { service }))
    }
}
