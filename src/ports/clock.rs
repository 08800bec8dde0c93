//! The time. Injected, so that tests can set it.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

use jiff::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// Keeps this clock steady until the returned guard is dropped, even if the machine's clock is set meanwhile.
    /// Deadlines are measured with it.
    fn steady(&self) -> Steady {
        Steady(None)
    }
}

/// A guard that keeps a clock steady while it exists.
#[derive(Debug, Clone)]
#[must_use = "the clock is steady only as long as this is held"]
pub struct Steady(#[expect(dead_code, reason = "only held, never read")] Option<Arc<Anchor>>);

/// One moment by two clocks of the machine: the wall clock, which can be set, and the monotonic clock, which cannot.
#[derive(Debug)]
struct Anchor {
    set: Timestamp,
    even: Instant,
}

/// The machine's own clock.
#[derive(Debug, Default)]
pub struct SystemClock {
    steady: Mutex<Weak<Anchor>>,
}

impl SystemClock {
    fn held(&self) -> Option<Arc<Anchor>> {
        let steady = self.steady.lock().unwrap_or_else(PoisonError::into_inner);
        steady.upgrade()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        self.held().map_or_else(Timestamp::now, |anchor| {
            let passed = anchor.even.elapsed();
            anchor.set.checked_add(passed).unwrap_or(anchor.set)
        })
    }

    fn steady(&self) -> Steady {
        let mut steady = self.steady.lock().unwrap_or_else(PoisonError::into_inner);
        let anchor = steady.upgrade().unwrap_or_else(|| {
            Arc::new(Anchor {
                set: Timestamp::now(),
                even: Instant::now(),
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
    fn a_held_clock_is_steady_and_a_released_one_follows_the_machine() {
        let clock = SystemClock::default();
        let first = clock.steady();
        let long_ago = Arc::new(Anchor {
            set: Timestamp::UNIX_EPOCH,
            even: Instant::now(),
        });
        // As if the machine's clock had been set in the meantime.
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
