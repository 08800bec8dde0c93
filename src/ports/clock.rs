//! The clock, as a trait, so that tests can set the time.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

use jiff::Timestamp;

pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;

    /// Makes [`Clock::now`] ignore every change of the machine's clock while the returned guard exists. A caller that
    /// measures a deadline keeps the guard for that time. The default implementation does nothing.
    fn steady(&self) -> Steady {
        Steady(None)
    }
}

/// A guard that keeps a clock steady while it exists.
#[derive(Debug, Clone)]
#[must_use = "the clock is steady only while the guard exists"]
pub struct Steady(#[expect(dead_code, reason = "only keeps the anchor alive")] Option<Arc<Anchor>>);

/// One moment by two clocks of the machine: the wall clock, which can be set, and the monotonic clock, which cannot.
#[derive(Debug)]
struct Anchor {
    wall: Timestamp,
    monotonic: Instant,
}

#[derive(Debug, Default)]
pub struct SystemClock {
    steady: Mutex<Weak<Anchor>>,
}

impl SystemClock {
    fn anchor(&self) -> Option<Arc<Anchor>> {
        let steady = self.steady.lock().unwrap_or_else(PoisonError::into_inner);
        steady.upgrade()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        self.anchor().map_or_else(Timestamp::now, |anchor| {
            let passed = anchor.monotonic.elapsed();
            anchor.wall.checked_add(passed).unwrap_or(anchor.wall)
        })
    }

    fn steady(&self) -> Steady {
        let mut steady = self.steady.lock().unwrap_or_else(PoisonError::into_inner);
        let anchor = steady.upgrade().unwrap_or_else(|| {
            Arc::new(Anchor {
                wall: Timestamp::now(),
                monotonic: Instant::now(),
            })
        });
        *steady = Arc::downgrade(&anchor);
        Steady(Some(anchor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_clock_is_steady_only_while_a_guard_exists() {
        let clock = SystemClock::default();
        let first = clock.steady();
        let long_ago = Arc::new(Anchor {
            wall: Timestamp::UNIX_EPOCH,
            monotonic: Instant::now(),
        });
        // Simulates that the machine's clock was set while a guard exists.
        *clock.steady.lock().unwrap() = Arc::downgrade(&long_ago);
        let second = clock.steady();
        drop((first, long_ago));
        let passed = clock.now().duration_since(Timestamp::UNIX_EPOCH);
        assert!(Duration::try_from(passed).unwrap() < Duration::from_mins(1));
        drop(second);
        let off = clock.now().duration_since(Timestamp::now()).abs();
        assert!(Duration::try_from(off).unwrap() < Duration::from_mins(1));
    }
}
