//! Counts how many requests to a slot ended since a given second, and how many of these failed. The counts of at most
//! 3600 seconds are kept, so the memory is bounded for any number of requests.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// How many seconds with requests are kept. If requests end in every second, a watch that lasts longer than an hour is
/// judged only by its last hour.
const KEPT: usize = 3600;

/// A number of public requests. No requests mean *no data*, which is neither good nor bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct RequestCount {
    pub requests: u64,
    /// How many requests ended with a status of 500 or above, or without an answer.
    pub errors: u64,
}

impl RequestCount {
    /// Whether more than `percent` per cent of the requests failed. False if there were fewer than `enough` requests.
    pub fn exceeds(&self, percent: u8, enough: u64) -> bool {
        self.requests >= enough
            && u128::from(self.errors) * 100 > u128::from(self.requests) * u128::from(percent)
    }
}

impl AddAssign for RequestCount {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.errors += other.errors;
    }
}

/// The requests of one slot in each second. The caller may count seconds from any start, but must always use the same
/// start.
#[derive(Debug, Clone, Default)]
pub struct RequestCounts {
    seconds: BTreeMap<i64, RequestCount>,
}

impl RequestCounts {
    /// Counts a request that ended in `second`.
    pub fn count(&mut self, second: i64, failed: bool) {
        *self.seconds.entry(second).or_default() += RequestCount {
            requests: 1,
            errors: u64::from(failed),
        };
        while self.seconds.len() > KEPT {
            self.seconds.pop_first();
        }
    }

    /// The requests that ended in `second` or later.
    pub fn since(&self, second: i64) -> RequestCount {
        let mut total = RequestCount::default();
        for (_, count) in self.seconds.range(second..) {
            total += *count;
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_requests_that_ended_since_are_counted() {
        let mut counts = RequestCounts::default();
        counts.count(9, true);
        counts.count(10, true);
        counts.count(12, false);
        let since = counts.since(10);
        assert_eq!((since.requests, since.errors), (2, 1));
    }

    #[test]
    fn a_limit_is_exceeded_by_enough_failed_requests() {
        let count = |requests, errors| RequestCount { requests, errors };
        assert!(!count(19, 19).exceeds(5, 20), "too few requests");
        assert!(!count(20, 1).exceeds(5, 20), "five per cent are allowed");
        assert!(count(20, 2).exceeds(5, 20));
        assert!(!count(u64::MAX, u64::MAX).exceeds(100, 20));
        assert!(
            !RequestCount::default().exceeds(0, 0),
            "no data is neither good nor bad"
        );
    }

    #[test]
    fn the_memory_does_not_grow_with_the_requests() {
        let mut counts = RequestCounts::default();
        for second in 0..10_000 {
            counts.count(second, false);
        }
        assert_eq!(counts.since(0).requests, KEPT as u64);
    }
}
