//! What is measured now, on standard error.

use std::time::Instant;

/// Prints a line for each sample, with the time since the start.
#[derive(Debug)]
pub struct Progress {
    began: Instant,
}

impl Default for Progress {
    fn default() -> Self {
        Self { began: Instant::now() }
    }
}

impl Progress {
    /// Prints one line.
    pub fn report(&self, line: &str) {
        let seconds = self.began.elapsed().as_secs();
        eprintln!("[{:>2}:{:02}] {line}", seconds / 60, seconds % 60);
    }
}
