//! Progress output while a command is still running.

use std::{fmt::Display, io::Write};

/// Writes a line to standard output at once. A closed pipe is not an error.
pub(crate) fn print(line: impl Display) {
    let mut output = std::io::stdout().lock();
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}

/// Writes a failure to standard error.
pub(crate) fn print_failure(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "error: {line}");
}
