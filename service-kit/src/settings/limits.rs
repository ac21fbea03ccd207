//! The limits of a service's listeners.

use std::time::Duration;

use clap::Args;
use mtls::limits::Limits;

use super::{Problems, bytes, duration, duration_or_zero, number};

/// The limits, as text.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub struct LimitArguments {
    /// How long a TLS handshake may take
    #[arg(long, env = "HANDSHAKE_TIMEOUT", default_value = "10s", value_name = "TIME")]
    pub handshake_timeout: String,

    /// How long the head of a request may take, from its first byte
    #[arg(long, env = "HEADER_TIMEOUT", default_value = "10s", value_name = "TIME")]
    pub header_timeout: String,

    /// How long a connection may be silent
    #[arg(long, env = "IDLE_TIMEOUT", default_value = "60s", value_name = "TIME")]
    pub idle_timeout: String,

    /// How long requests in flight have once the service is asked to stop
    #[arg(long, env = "DRAIN_TIMEOUT", default_value = "20s", value_name = "TIME")]
    pub drain_timeout: String,

    /// How long new connections are still accepted once the service is asked to stop
    #[arg(long, env = "DRAIN_DELAY", default_value = "0s", value_name = "TIME")]
    pub drain_delay: String,

    /// After how long a connection is ended gracefully, give or take a fifth, so that clients find
    /// servers that came later; 0 for never
    #[arg(long, env = "MAX_CONNECTION_AGE", default_value = "5m", value_name = "TIME")]
    pub max_connection_age: String,

    /// Size of a request's head (8KiB at least)
    #[arg(long, env = "MAX_HEADER_BYTES", default_value = "32KiB", value_name = "SIZE")]
    pub max_header_bytes: String,

    /// Size of a request's body
    #[arg(long, env = "MAX_BODY_BYTES", default_value = "1MiB", value_name = "SIZE")]
    pub max_body_bytes: String,

    /// Open connections
    #[arg(long, env = "MAX_CONNECTIONS", default_value = "10000", value_name = "NUMBER")]
    pub max_connections: String,

    /// Open connections from one address; 0 for no limit
    #[arg(long, env = "MAX_CONNECTIONS_PER_ADDRESS", default_value = "0", value_name = "NUMBER")]
    pub max_connections_per_address: String,

    /// Requests in flight
    #[arg(long, env = "MAX_REQUESTS", default_value = "1000", value_name = "NUMBER")]
    pub max_requests: String,

    /// Refusals that are logged each second; all are counted
    #[arg(long, env = "LOG_REFUSALS_PER_SECOND", default_value = "50", value_name = "NUMBER")]
    pub log_refusals_per_second: String,
}

/// The limits, checked.
#[derive(Clone, Debug)]
pub struct ServiceLimits {
    /// Those that hold for a connection.
    pub connection: Limits,
    /// How long requests in flight have once the service is asked to stop.
    pub drain_timeout: Duration,
    /// How long new connections are still accepted once the service is asked to stop.
    pub drain_delay: Duration,
    /// Refusals that are logged each second.
    pub log_refusals_per_second: u32,
    /// The size of a request's body, in bytes.
    pub max_body_bytes: usize,
    /// Requests in flight.
    pub max_requests: usize,
}

impl LimitArguments {
    /// Parses them all; nothing where one is bad, which is then among `problems`.
    pub fn check(&self, problems: &mut Problems) -> Option<ServiceLimits> {
        let handshake = problems.check("HANDSHAKE_TIMEOUT", duration(&self.handshake_timeout));
        let header = problems.check("HEADER_TIMEOUT", duration(&self.header_timeout));
        let idle = problems.check("IDLE_TIMEOUT", duration(&self.idle_timeout));
        let drain = problems.check("DRAIN_TIMEOUT", duration(&self.drain_timeout));
        let delay = problems.check("DRAIN_DELAY", duration_or_zero(&self.drain_delay));
        let age = duration_or_zero(&self.max_connection_age);
        let age = problems.check("MAX_CONNECTION_AGE", age);
        let max_header = problems.check("MAX_HEADER_BYTES", bytes(&self.max_header_bytes));
        let max_header = max_header.and_then(|size| {
            let enough = (SMALLEST_HEAD..=LARGEST_HEAD).contains(&size);
            let result = enough.then_some(size).ok_or("use 8KiB to 16MiB");
            problems.check("MAX_HEADER_BYTES", result)
        });
        let max_body = problems.check("MAX_BODY_BYTES", bytes(&self.max_body_bytes));
        let connections = problems.check("MAX_CONNECTIONS", at_least_one(&self.max_connections));
        let of_address = number(&self.max_connections_per_address);
        let of_address = problems.check("MAX_CONNECTIONS_PER_ADDRESS", of_address);
        let max_requests = problems.check("MAX_REQUESTS", at_least_one(&self.max_requests));
        let logged = number(&self.log_refusals_per_second);
        let logged = problems.check("LOG_REFUSALS_PER_SECOND", logged);
        let mut limits = Limits::default();
        limits.handshake_timeout = handshake?;
        limits.header_timeout = header?;
        limits.idle_timeout = idle?;
        limits.max_connection_age = age?;
        limits.max_connections = connections?;
        limits.max_connections_per_address = of_address?;
        limits.max_header_bytes = max_header?;
        Some(ServiceLimits {
            connection: limits,
            drain_timeout: drain?,
            drain_delay: delay?,
            log_refusals_per_second: logged?,
            max_body_bytes: max_body?,
            max_requests: max_requests?,
        })
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match number(text)? {
        0 => Err("0 would let nobody in: use 1 at least".to_owned()),
        number => Ok(number),
    }
}

/// hyper's own bounds of its read buffer.
const SMALLEST_HEAD: usize = 8 * 1024;
const LARGEST_HEAD: usize = 16 * 1024 * 1024;
