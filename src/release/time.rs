//! Differences of moments that cannot go wrong.

use std::time::Duration;

use jiff::Timestamp;

/// The time from one moment to a later one; nothing when a clock went backwards.
pub(super) fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

/// A moment after another; the end of time when there is none.
pub(super) fn after(moment: Timestamp, time: Duration) -> Timestamp {
    moment.checked_add(time).unwrap_or(Timestamp::MAX)
}
