//! Arithmetic with times that never overflows and never becomes negative.

use std::time::Duration;

use jiff::Timestamp;

/// The time from one moment to a later one; zero if a clock went backwards.
pub(super) fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

/// A moment plus a duration; the latest possible moment if that overflows.
pub(super) fn after(moment: Timestamp, time: Duration) -> Timestamp {
    moment.checked_add(time).unwrap_or(Timestamp::MAX)
}
