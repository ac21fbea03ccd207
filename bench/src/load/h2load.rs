//! h2load of nghttp2, for requests without TLS: it cannot present a client certificate.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::load::window::{Latency, Load, Window};

/// How many connections are open.
const CONNECTIONS: &str = "16";

/// Sends GET requests over plain HTTP/1.1; `log` is a file for its use.
///
/// # Errors
///
/// h2load is not installed, or a request fails.
pub fn run(
    (address, path): (SocketAddr, &str),
    window: Window,
    meter: &dyn Fn() -> Result<Duration>,
    log: &Path,
) -> Result<Load> {
    let url = format!("http://localhost:{}{path}", address.port());
    send(&url, window.warm_up, log)?;
    let before = meter()?;
    send(&url, window.measured, log)?;
    let cpu = meter()?.saturating_sub(before);
    let text = fs::read_to_string(log).with_context(|| format!("cannot read {}", log.display()))?;
    let nanos = durations(&text)?;
    ensure!(!nanos.is_empty(), "h2load completed nothing in {:?}", window.measured);
    let operations = nanos.len() as f64;
    Ok(Load {
        cpu_micros: cpu.as_secs_f64() * 1e6 / operations,
        latency: Latency::of(nanos),
        per_second: operations / window.measured.as_secs_f64(),
    })
}

fn send(url: &str, duration: Duration, log: &Path) -> Result<()> {
    // It appends to its log.
    let _ = fs::remove_file(log);
    let output = Command::new("h2load")
        .args(["--h1", "--clients", CONNECTIONS])
        .arg(format!("--duration={}ms", duration.as_millis()))
        .arg(format!("--log-file={}", log.display()))
        .arg(url)
        .output()
        .context("cannot start h2load: run \"apt-get install nghttp2-client\"")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "h2load failed: {text}");
    Ok(())
}

/// The third column of the log: microseconds; the second is the status.
fn durations(log: &str) -> Result<Vec<u64>> {
    log.lines()
        .map(|line| {
            let mut columns = line.split_whitespace().skip(1);
            let status = columns.next().unwrap_or_default();
            ensure!(status == "200", "a request failed, its status is {status:?}");
            let micros: u64 = columns.next().context("h2load logs three columns")?.parse()?;
            Ok(micros * 1000)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::durations;

    #[test]
    fn durations_are_read_from_the_log() {
        assert_eq!(durations("17 200 12\n18 200 7\n").unwrap(), [12_000, 7_000]);
        assert!(durations("17 502 12\n").is_err());
    }
}
