//! Requests that a client gives up before their answer is complete.

use std::time::Instant;

/// How many more were given up than answered, less one for each second.
#[derive(Debug)]
pub(super) struct AbandonedRequests {
    count: u32,
    /// When the last second was taken off.
    since: Instant,
}

impl AbandonedRequests {
    pub(super) fn new(now: Instant) -> Self {
        Self { count: 0, since: now }
    }

    /// One more was answered.
    pub(super) fn answered(&mut self) {
        self.count = self.count.saturating_sub(1);
    }

    /// One more was given up. Whether there are too many of them.
    pub(super) fn add(&mut self, now: Instant) -> bool {
        let seconds = now.saturating_duration_since(self.since).as_secs();
        if seconds > 0 {
            self.since = now;
            let forgiven = u32::try_from(seconds).unwrap_or(u32::MAX);
            self.count = self.count.saturating_sub(forgiven);
        }
        self.count += 1;
        self.count >= MOST_ABANDONED
    }
}

/// So many requests more are given up than answered, and the connection ends. A client that takes
/// back what it asked for, such as a browser that leaves a page, stays far below it; one that does
/// nothing else has each of its requests open a connection behind (CVE-2023-44487).
const MOST_ABANDONED: u32 = 100;

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::AbandonedRequests;

    #[test]
    fn a_hundred_requests_more_given_up_than_answered_are_too_many() {
        let start = Instant::now();
        let mut abandoned = AbandonedRequests::new(start);
        let mut give_up = |times: usize, answered_each: usize, at: Instant| {
            (0..times).any(|_| {
                (0..answered_each).for_each(|_| abandoned.answered());
                abandoned.add(at)
            })
        };

        assert!(!give_up(1000, 1, start), "as many are answered");
        assert!(!give_up(98, 0, start));
        assert!(!give_up(50, 0, start + SECOND * 50), "one is forgiven each second");
        assert!(give_up(2, 0, start + SECOND * 50));
    }

    const SECOND: Duration = Duration::from_secs(1);
}
