//! Conditions, polled to a deadline: nothing here waits for a fixed time.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long anything may take that should be there at once.
pub const PATIENCE: Duration = Duration::from_secs(12);

/// Waits until `condition` answers.
///
/// # Errors
///
/// It failed, or did not answer within [`PATIENCE`]; `what` was waited for.
pub fn eventually<T>(what: &str, mut condition: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = condition()? {
            return Ok(answer);
        }
        if Instant::now() >= deadline {
            bail!("waited in vain for {what}");
        }
        sleep(STEP);
    }
}

const STEP: Duration = Duration::from_millis(10);
