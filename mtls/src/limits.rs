//! Resource limits of a listener.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The limits of a listener, which hold for every connection and every request on it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// From the connection's first moment to the end of its handshake.
    pub handshake_timeout: Duration,
    /// From the first byte of a request's head to its last; HTTP/1.1 only, HTTP/2 multiplexes.
    pub header_timeout: Duration,
    /// How long a connection may have no request in flight and send nothing, and a request may
    /// have no byte moved.
    pub idle_timeout: Duration,
    /// After how long a connection is ended gracefully, give or take a fifth, so that clients that
    /// keep theirs find servers that came later; zero is never. Open tunnels are let be.
    pub max_connection_age: Duration,
    /// Connections that are open at once, handshakes included.
    pub max_connections: usize,
    /// The same from one address; 0 is no limit, for behind NAT all share one.
    pub max_connections_per_address: usize,
    /// The size of a request's head, in bytes.
    pub max_header_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            max_connection_age: Duration::from_secs(300),
            max_connections: 10_000,
            max_connections_per_address: 0,
            max_header_bytes: 32 * 1024,
        }
    }
}

impl Limits {
    /// The defaults, changed by this function.
    pub fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut limits = Self::default();
        change(&mut limits);
        limits
    }

    /// Waits until a connection that is made now is old enough to be ended. Each waits for another
    /// time, so that connections that were made together do not end together.
    pub async fn connection_ages(&self) {
        if self.max_connection_age.is_zero() {
            return std::future::pending().await;
        }
        // A hash with keys of its own is random, and needs no generator.
        let random = f64::from(RandomState::new().hash_one(()) as u32) / f64::from(u32::MAX);
        // Beyond a year it does not matter, and every sum of times stays in range.
        let age = self.max_connection_age.min(Duration::from_secs(365 * 86_400));
        tokio::time::sleep(age.mul_f64(0.8 + 0.4 * random)).await;
    }
}

/// How many of a listener's requests in flight one connection may hold: a tenth, so that no caller
/// takes them all by one connection.
fn max_requests_per_connection(max_requests: usize) -> usize {
    max_requests.div_ceil(10)
}

/// Whether one connection has more requests in flight than its share of a listener's.
///
/// The number of streams keeps a client of HTTP/2 to its share. Since a stream ends for its client
/// a moment before its request ends here, as many again may be ending.
pub fn exceeds_share(in_flight: usize, max_requests: usize) -> bool {
    in_flight > 2 * max_requests_per_connection(max_requests)
}

/// How many streams of HTTP/2 a client may have open on one connection: as many as it may have
/// requests in flight, and 128 at most.
pub fn max_streams(max_requests: usize) -> u32 {
    u32::try_from(max_requests_per_connection(max_requests))
        .map_or(MOST_STREAMS, |most| most.min(MOST_STREAMS))
}

/// RFC 9113, section 6.5.2, advises 100 at least.
const MOST_STREAMS: u32 = 128;
