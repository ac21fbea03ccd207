//! What is told while a command still runs.

use std::{fmt::Display, io::Write};

/// Writes a line to standard output at once; a reader that went away is no failure.
pub(crate) fn print(line: impl Display) {
    let mut output = std::io::stdout().lock();
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}

/// Writes a failure to standard error.
pub(crate) fn print_failure(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "error: {line}");
}
