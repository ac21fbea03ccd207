//! Settings: they reach clap as text, from flags and the environment, and one check parses them
//! all and reports every problem at once.

mod arguments;
mod limits;
mod log_settings;
mod parse;
mod problems;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use mtls::credentials::CredentialStore;
use mtls::pki::role::Role;

pub(crate) use self::arguments::HEALTHCHECK;
pub use self::arguments::ServiceArguments;
pub use self::limits::{LimitArguments, ServiceLimits};
pub use self::log_settings::LogSettings;
pub use self::parse::{bytes, duration, duration_or_zero, host, number};
pub use self::problems::{Problems, with_command};

/// What every service needs to run, checked.
#[derive(Debug)]
pub struct ServiceSettings {
    /// The address of the admin listener.
    pub admin: SocketAddr,
    /// The limits of its listeners.
    pub limits: ServiceLimits,
    /// The address of the service's listener.
    pub listen: SocketAddr,
    /// Its identity and its trust.
    pub store: Arc<CredentialStore>,
    /// How it logs.
    pub logs: LogSettings,
}

impl ServiceSettings {
    /// Checks the arguments that all services share, and reads the identity for `role`.
    ///
    /// Nothing where there was a problem, which is then among `problems`.
    pub fn check(
        arguments: &ServiceArguments,
        role: Role,
        problems: &mut Problems,
    ) -> Option<Self> {
        let host = problems.check("HOST", host(&arguments.host));
        let port = problems.check("PORT", number(&arguments.port));
        let admin_host = problems.check("ADMIN_HOST", parse::host(&arguments.admin_host));
        let admin_port = problems.check("ADMIN_PORT", number(&arguments.admin_port));
        let logs = LogSettings::check(&arguments.log_format, &arguments.log_filter, problems);
        let limits = arguments.limits.check(problems);
        if arguments.policy_file.is_some() {
            problems.add("POLICY_FILE", "is not supported yet: unset it");
        }
        let revocation = problems.check("REVOCATION", arguments.revocation.parse());
        let directory = PathBuf::from(&arguments.cert_path);
        let store = match CredentialStore::load(directory, &[role], revocation.unwrap_or_default())
        {
            Ok(store) => Some(Arc::new(store)),
            Err(bad) => {
                problems.add_identity("CERT_PATH", &bad);
                None
            }
        };
        Some(Self {
            admin: SocketAddr::new(admin_host?, admin_port?),
            limits: limits?,
            listen: SocketAddr::new(host?, port?),
            store: store?,
            logs: logs?,
        })
    }
}
