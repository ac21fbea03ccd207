//! Files that the process may still open: each connection is one, and the operator's must not be
//! refused for want of one.

use std::os::fd::AsRawFd;

use rustix::process::{Resource, getrlimit};
use tokio::net::TcpStream;

/// Whether fewer than so many eighths of the files that may be open are open. The system gives each
/// file the lowest number that is free.
pub(super) fn are_below(eighths: u64, newest: &TcpStream) -> bool {
    let number = u64::try_from(newest.as_raw_fd()).unwrap_or(u64::MAX);
    getrlimit(Resource::Nofile).current.is_none_or(|limit| number < limit / 8 * eighths)
}
