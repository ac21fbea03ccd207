//! The log: text for people, JSON for machines.

mod line;

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

pub(crate) use self::line::LogFormat;

/// Starts the log on standard output, for the rest of the process; a second start does nothing.
pub(crate) fn start(filter: EnvFilter, format: LogFormat) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stdout().is_terminal())
        // The reader of the log may be gone: that must end no task, and so no service.
        .log_internal_errors(false)
        .event_format(format);
    let _ = builder.try_init();
}
