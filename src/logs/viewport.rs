//! What part of a ring is looked at. Following shows the newest lines; not following, the view
//! stays on its line while lines pour in, and moves only when that line is dropped.

use super::{LineId, Ring};

/// A window of some height over a ring. Every call that moves it takes the height it has on the
/// screen at that moment, so that a resize needs no call of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Viewport {
    /// The line at the top; none follows the end.
    top: Option<LineId>,
    /// How many columns are scrolled away on the left.
    left: u16,
}

impl Viewport {
    /// Whether the newest line is kept in view.
    pub fn follows(&self) -> bool {
        self.top.is_none()
    }

    /// How many columns are scrolled away on the left.
    pub fn left(&self) -> u16 {
        self.left
    }

    /// The top line for a view of `height`, within what the ring still has. A view that stays may
    /// have room below its last line after it grew: new lines fill it, nothing jumps.
    pub fn top(&self, ring: &Ring, height: usize) -> LineId {
        self.top.map_or_else(
            || last_top(ring, height),
            |top| top.clamp(ring.first(), ring.end()),
        )
    }

    /// How many lines are below a view of `height`: what following would skip to.
    pub fn below(&self, ring: &Ring, height: usize) -> u64 {
        let bottom = self.top(ring, height).0.saturating_add(height as u64);
        ring.end().0.saturating_sub(bottom)
    }

    /// Follows the end from now on.
    pub fn follow(&mut self) {
        self.top = None;
    }

    /// Stays where it is from now on.
    pub fn stay(&mut self, ring: &Ring, height: usize) {
        self.top = Some(self.top(ring, height));
    }

    /// Moves by lines, negative is towards older ones; not following after that, unless it was
    /// moved down to the very end.
    pub fn scroll(&mut self, ring: &Ring, height: usize, by: isize) {
        let top = self.top(ring, height).0;
        let step = by.unsigned_abs() as u64;
        if by < 0 {
            self.top = Some(LineId(top.saturating_sub(step)).max(ring.first()));
            return;
        }
        let wanted = LineId(top.saturating_add(step));
        let last = last_top(ring, height);
        self.top = if wanted >= last { None } else { Some(wanted) };
    }

    /// Moves to the oldest line and stays there.
    pub fn to_start(&mut self, ring: &Ring) {
        self.top = Some(ring.first());
    }

    /// Moves sideways by columns.
    pub fn slide(&mut self, by: i16) {
        self.left = self.left.saturating_add_signed(by);
    }
}

/// The top at which the newest line is at the bottom.
fn last_top(ring: &Ring, height: usize) -> LineId {
    LineId(ring.end().0.saturating_sub(height as u64)).max(ring.first())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Bounds, NewLine, Origin};
    use super::*;

    fn ring(lines: usize) -> Ring {
        Ring::new(Bounds {
            lines,
            bytes: usize::MAX,
        })
    }

    fn pour(ring: &mut Ring, count: usize) {
        for _ in 0..count {
            let text = ring.total().to_string();
            ring.push(NewLine {
                at: None,
                origin: Origin::Out,
                text,
            });
        }
    }

    #[test]
    fn following_shows_the_newest_and_scrolling_up_stays() {
        let mut ring = ring(100);
        let mut view = Viewport::default();
        pour(&mut ring, 20);
        assert_eq!(view.top(&ring, 5), LineId(15));
        view.scroll(&ring, 5, -3);
        pour(&mut ring, 30);
        assert_eq!(view.top(&ring, 5), LineId(12));
        assert_eq!(view.below(&ring, 5), 33);
        view.scroll(&ring, 5, 1000);
        assert!(view.follows());
    }

    #[test]
    fn a_view_on_a_dropped_line_moves_to_the_oldest_kept() {
        let mut ring = ring(10);
        pour(&mut ring, 10);
        let mut view = Viewport::default();
        view.to_start(&ring);
        pour(&mut ring, 7);
        assert_eq!(view.top(&ring, 4), LineId(7));
    }

    #[test]
    fn a_short_log_starts_at_the_top() {
        let mut ring = ring(10);
        pour(&mut ring, 2);
        assert_eq!(Viewport::default().top(&ring, 5), LineId(0));
    }

    #[derive(Debug, Clone)]
    enum Act {
        Pour(usize),
        Scroll(isize),
        Follow,
        Stay,
        Start,
        Height(usize),
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let act = prop_oneof![
            (0_usize..50).prop_map(Act::Pour),
            (-30_isize..30).prop_map(Act::Scroll),
            Just(Act::Follow),
            Just(Act::Stay),
            Just(Act::Start),
            (0_usize..40).prop_map(Act::Height),
        ];
        prop::collection::vec(act, 0..60)
    }

    proptest! {
        #[test]
        fn a_view_never_leaves_its_ring_and_stays_still_unless_told(
            acts in acts(),
            capacity in 1_usize..60,
        ) {
            let mut ring = ring(capacity);
            let mut view = Viewport::default();
            let mut height = 5;
            for act in acts {
                let before = view.top(&ring, height);
                match act {
                    Act::Pour(count) => {
                        pour(&mut ring, count);
                        if !view.follows() {
                            let after = view.top(&ring, height);
                            prop_assert!(after == before.max(ring.first()), "{before:?} {after:?}");
                        }
                    }
                    Act::Scroll(by) => view.scroll(&ring, height, by),
                    Act::Follow => view.follow(),
                    Act::Stay => view.stay(&ring, height),
                    Act::Start => view.to_start(&ring),
                    Act::Height(new) => height = new,
                }
                let top = view.top(&ring, height);
                prop_assert!(top >= ring.first() && top <= ring.end());
                if view.follows() {
                    prop_assert_eq!(view.below(&ring, height), 0);
                }
            }
        }
    }
}
