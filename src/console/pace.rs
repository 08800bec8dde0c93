//! How often the screen is drawn. A key press is drawn without waiting for the next frame, and so are the first events
//! after a quiet time. During a stream of events, the screen is drawn thirty times a second. On a slow link, drawing
//! takes at most half of the time.

use std::time::Duration;

use tokio::time::Instant;

/// Limits on how often the console draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The time between two draws while events keep arriving.
    pub frame: Duration,
    /// The shortest time between the end of one draw and the next, also after a key press.
    pub least: Duration,
    /// How many draws after a quiet time do not wait for `frame`. The first observations after start-up arrive
    /// in a few pieces, and so do the changes of a step.
    pub burst: u32,
    /// How often the screen is updated while it shows a time in seconds.
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
    /// The earliest time of the next draw, also after a key press.
    soonest: Instant,
    /// When the next frame would be due if all frames had been drawn `Pace::frame` apart.
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

    /// When to draw a change. `urgent` means that a key press or another input event caused the change.
    pub(super) fn next(&self, urgent: bool) -> Instant {
        if urgent {
            return self.soonest;
        }
        let credit = self.pace.frame * self.pace.burst.saturating_sub(1);
        self.soonest
            .max(self.even.checked_sub(credit).unwrap_or(self.soonest))
    }

    /// Records a draw. After a slow draw, the next draw waits as long as the slow draw took, so that half of the time
    /// is left for events.
    pub(super) fn drew(&mut self, began: Instant, ended: Instant) {
        self.soonest = ended + self.pace.least.max(ended - began);
        self.even = self.even.max(began) + self.pace.frame;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The times of `count` draws, in milliseconds from the first. Each draw takes `cost` milliseconds.
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
    fn after_a_burst_thirty_frames_a_second_are_drawn() {
        assert_eq!(drawn(12, 0, false)[6..], [48, 56, 64, 72, 99, 132]);
    }

    #[test]
    fn a_key_press_is_drawn_without_waiting_for_a_frame() {
        assert_eq!(drawn(4, 0, true), [0, 8, 16, 24]);
    }

    #[test]
    fn a_slow_draw_is_followed_by_an_equal_pause() {
        assert_eq!(drawn(3, 200, true), [0, 400, 800]);
        assert_eq!(drawn(3, 200, false), [0, 400, 800]);
    }
}
