//! How often the screen is drawn: at once after a key press and for the first events after a quiet
//! time, thirty times a second during a stream of events, and on a slow link for at most half of the
//! time.

use std::time::Duration;

use tokio::time::Instant;

/// Limits on how often the loop draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The time between two draws while events keep arriving.
    pub frame: Duration,
    /// The least time between any two draws.
    pub least: Duration,
    /// How many draws are made after a quiet time before `frame` applies: the first observations after
    /// start-up arrive in a few pieces, and so do the changes of a step.
    pub burst: u32,
    /// How often the screen is updated while something on it counts.
    pub second: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            frame: Duration::from_millis(33),
            least: Duration::from_millis(8),
            burst: 8,
            second: Duration::from_secs(1),
        }
    }
}

/// Computes when the next draw is due.
#[derive(Debug)]
pub(super) struct Draws {
    pace: Pace,
    /// The earliest time of the next draw.
    soonest: Instant,
    /// The time at which the frames drawn so far would have been due at the normal rate.
    even: Instant,
}

impl Draws {
    pub(super) fn new(pace: Pace, now: Instant) -> Self {
        Self {
            pace,
            soonest: now,
            even: now,
        }
    }

    /// When to draw what has changed. `urgent` if a person waits for it.
    pub(super) fn next(&self, urgent: bool) -> Instant {
        if urgent {
            return self.soonest;
        }
        let credit = self.pace.frame * self.pace.burst.saturating_sub(1);
        self.soonest
            .max(self.even.checked_sub(credit).unwrap_or(self.soonest))
    }

    /// Records a draw. If writing was slow, as much time again is left for everything else.
    pub(super) fn drew(&mut self, began: Instant, ended: Instant) {
        self.soonest = ended + self.pace.least.max(ended - began);
        self.even = self.even.max(began) + self.pace.frame;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When each of `count` draws is made if each takes `cost`, in milliseconds from the first.
    fn drawn(count: usize, cost: u64, urgent: bool) -> Vec<u128> {
        let first = Instant::now();
        let mut draws = Draws::new(Pace::default(), first);
        let mut now = first;
        let mut at = Vec::new();
        for _ in 0..count {
            now = now.max(draws.next(urgent));
            at.push((now - first).as_millis());
            let ended = now + Duration::from_millis(cost);
            draws.drew(now, ended);
            now = ended;
        }
        at
    }

    #[test]
    fn after_a_quiet_time_a_few_frames_are_drawn_at_once_and_then_thirty_a_second() {
        assert_eq!(drawn(12, 0, false)[6..], [48, 56, 64, 72, 99, 132]);
    }

    #[test]
    fn a_key_press_is_drawn_without_waiting_for_a_frame() {
        assert_eq!(drawn(4, 0, true), [0, 8, 16, 24]);
    }

    #[test]
    fn on_a_slow_link_half_of_the_time_is_left() {
        assert_eq!(drawn(3, 200, true), [0, 400, 800]);
        assert_eq!(drawn(3, 200, false), [0, 400, 800]);
    }
}
