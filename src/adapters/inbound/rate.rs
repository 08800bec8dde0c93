//! Limits how many deliveries a sender may send per second.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A bucket of permits that fills at a steady rate.
#[derive(Debug)]
pub(super) struct Rate {
    /// How long it takes until there is one more permit.
    each: Duration,
    /// How long it takes to fill an empty bucket.
    depth: Duration,
    /// When the bucket is full again; none before the first delivery.
    full_at: Mutex<Option<Instant>>,
}

impl Rate {
    /// Permits `burst` deliveries at once, and `per_second` in the long run.
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        let each = Duration::from_secs(1) / per_second.max(1);
        Self {
            each,
            depth: each * burst.max(1),
            full_at: Mutex::new(None),
        }
    }

    /// Takes a permit, or returns how long it takes until there is one.
    pub(super) fn take(&self, now: Instant) -> Result<(), Duration> {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let next = full_at.map_or(now, |full_at| full_at.max(now)) + self.each;
        let missing = next.saturating_duration_since(now + self.depth);
        if missing.is_zero() {
            *full_at = Some(next);
            Ok(())
        } else {
            Err(missing)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_permitted_and_then_the_rate() {
        let rate = Rate::new(2, 3);
        let began = Instant::now();
        let at = |millis| began + Duration::from_millis(millis);
        for _ in 0..3 {
            assert_eq!(rate.take(at(0)), Ok(()));
        }
        assert_eq!(rate.take(at(0)), Err(Duration::from_millis(500)));
        assert_eq!(rate.take(at(500)), Ok(()));
        assert!(rate.take(at(500)).is_err());
        for _ in 0..3 {
            assert_eq!(rate.take(at(60_000)), Ok(()));
        }
        assert!(
            rate.take(at(60_000)).is_err(),
            "a long pause adds no permits"
        );
    }
}
