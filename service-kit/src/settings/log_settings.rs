//! The settings of the log.

use tracing_subscriber::EnvFilter;

use super::Problems;
use crate::logs::{self, LogFormat};

/// How a service logs.
#[derive(Debug)]
pub struct LogSettings {
    filter: EnvFilter,
    format: LogFormat,
}

impl LogSettings {
    /// Checks `LOG_FORMAT` and `RUST_LOG`.
    pub fn check(format: &str, filter: &str, problems: &mut Problems) -> Option<Self> {
        let format = match format {
            "json" => Ok(LogFormat::Json),
            "text" => Ok(LogFormat::Text),
            other => Err(format!("\"{other}\" is not known: write text or json")),
        };
        let format = problems.check("LOG_FORMAT", format);
        let filter = EnvFilter::try_new(filter)
            .map_err(|error| format!("{error}: write a level or target=level, such as info"));
        let filter = problems.check("RUST_LOG", filter);
        Some(Self { filter: filter?, format: format? })
    }

    /// Starts the log on standard output, for the rest of the process; a second start does
    /// nothing.
    pub fn start(self) {
        logs::start(self.filter, self.format);
    }
}
