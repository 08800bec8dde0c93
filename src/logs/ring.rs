//! The newest lines of one log, limited by lines and bytes. The oldest lines are dropped and counted.

use std::collections::VecDeque;

use super::{Line, LineId, NewLine};
use crate::inventory::Slot;

/// The approximate memory that a line needs in addition to its text: its entry in the queue, and 24 bytes for the two
/// reference counters of the `Arc` and the rounding of its allocation.
const OVERHEAD: usize = size_of::<Line>() + 24;

/// How much a ring keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The most lines that are kept.
    pub lines: usize,
    /// The most bytes that are kept, approximately. The newest line is always kept.
    pub bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            lines: 20_000,
            bytes: 8 * 1024 * 1024,
        }
    }
}

/// The newest lines of one log.
#[derive(Debug, Clone, Default)]
pub struct Ring {
    bounds: Bounds,
    lines: VecDeque<Line>,
    bytes: usize,
    next: u64,
    newest: i64,
}

impl Ring {
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            ..Self::default()
        }
    }

    pub fn push(&mut self, line: NewLine) {
        let order = line.at.map_or(self.newest, jiff::Timestamp::as_microsecond);
        self.put(Line {
            id: LineId(self.next),
            at: line.at,
            order,
            origin: line.origin,
            slot: None,
            text: line.text,
        });
    }

    /// Appends a line of another ring as a line of `slot`.
    pub(super) fn push_of(&mut self, slot: Slot, line: &Line) {
        self.put(Line {
            slot: Some(slot),
            ..line.clone()
        });
    }

    /// Appends a line, gives it the next number, and drops the oldest lines until the ring is within its bounds.
    pub(super) fn put(&mut self, mut line: Line) {
        line.id = LineId(self.next);
        self.newest = self.newest.max(line.order);
        line.order = self.newest;
        self.bytes += OVERHEAD + line.text.len();
        self.lines.push_back(line);
        self.next += 1;
        while self.lines.len() > 1
            && (self.lines.len() > self.bounds.lines || self.bytes > self.bounds.bytes)
        {
            if let Some(old) = self.lines.pop_front() {
                self.bytes -= OVERHEAD + old.text.len();
            }
        }
    }

    /// Removes the lines newer than a moment and returns them, oldest first. The next lines get the numbers of the
    /// removed lines.
    pub(super) fn take_back(&mut self, newer_than: i64) -> Vec<Line> {
        let kept = self.lines.partition_point(|line| line.order <= newer_than);
        let taken: Vec<Line> = self.lines.drain(kept..).collect();
        self.bytes -= taken
            .iter()
            .map(|line| OVERHEAD + line.text.len())
            .sum::<usize>();
        if let Some(first) = taken.first() {
            self.next = first.id.0;
            self.newest = self.lines.back().map_or(0, |line| line.order);
        }
        taken
    }

    pub fn extend(&mut self, lines: impl IntoIterator<Item = NewLine>) {
        for line in lines {
            self.push(line);
        }
    }

    /// How many lines are kept.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether no line is kept.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// How many lines were ever added.
    pub fn total(&self) -> u64 {
        self.next
    }

    /// How many old lines were dropped.
    pub fn dropped(&self) -> u64 {
        self.first().0
    }

    /// The bytes in use, counted as for [`Bounds::bytes`].
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The number of the oldest kept line, or of the next line if none is kept.
    pub fn first(&self) -> LineId {
        self.lines.front().map_or(LineId(self.next), |line| line.id)
    }

    /// The number after the newest line.
    pub fn end(&self) -> LineId {
        LineId(self.next)
    }

    /// The number of the oldest kept line that is not older than a moment, in microseconds. The number of the next line
    /// if there is no such line.
    pub(super) fn since(&self, moment: i64) -> LineId {
        let older = self.lines.partition_point(|line| line.order < moment);
        LineId(self.first().0 + older as u64)
    }

    /// The line with this number, if it is kept.
    pub fn get(&self, id: LineId) -> Option<&Line> {
        let index = id.0.checked_sub(self.first().0)?;
        self.lines.get(usize::try_from(index).ok()?)
    }

    /// At most `count` lines from a number on, oldest first. If the line with that number was dropped, the oldest kept
    /// line is the first.
    pub fn window(&self, from: LineId, count: usize) -> impl Iterator<Item = &Line> {
        let index = from.0.saturating_sub(self.first().0);
        let index = usize::try_from(index).unwrap_or(usize::MAX).min(self.len());
        self.lines.range(index..).take(count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(text: &str) -> NewLine {
        NewLine {
            at: None,
            origin: super::super::Origin::Out,
            text: text.into(),
        }
    }

    #[test]
    fn the_oldest_lines_are_dropped_and_counted() {
        let mut ring = Ring::new(Bounds {
            lines: 2,
            bytes: usize::MAX,
        });
        ring.extend(["a", "b", "c"].map(line));
        let kept: Vec<_> = ring.window(LineId(0), 9).map(|l| &*l.text).collect();
        assert_eq!(kept, ["b", "c"]);
        assert_eq!((ring.dropped(), ring.total()), (1, 3));
        assert!(ring.get(LineId(0)).is_none());
        assert_eq!(ring.get(LineId(2)).map(|l| &*l.text), Some("c"));
    }

    #[test]
    fn one_line_larger_than_the_ring_is_kept() {
        let mut ring = Ring::new(Bounds {
            lines: 9,
            bytes: 10,
        });
        ring.push(line(&"x".repeat(1000)));
        assert_eq!(ring.len(), 1);
    }

    proptest! {
        #[test]
        fn a_ring_keeps_the_newest_lines_within_its_bounds(
            lengths in prop::collection::vec(0_usize..200, 0..300),
            lines in 1_usize..40,
            bytes in 1_usize..4000,
        ) {
            let mut ring = Ring::new(Bounds { lines, bytes });
            for (n, length) in lengths.iter().enumerate() {
                ring.push(line(&"y".repeat(*length)));
                prop_assert_eq!(ring.total(), n as u64 + 1);
                prop_assert!(ring.len() <= lines);
                prop_assert!(ring.bytes() <= bytes || ring.len() == 1);
                prop_assert_eq!(ring.dropped() + ring.len() as u64, ring.total());
                let newest = ring.get(LineId(n as u64)).map(|l| l.text.len());
                prop_assert_eq!(newest, Some(*length));
            }
            let counted: usize = ring
                .window(LineId(0), usize::MAX)
                .map(|l| OVERHEAD + l.text.len())
                .sum();
            prop_assert_eq!(counted, ring.bytes());
            let ids: Vec<_> = ring.window(LineId(0), usize::MAX).map(|l| l.id.0).collect();
            prop_assert!(ids.windows(2).all(|pair| pair[0] + 1 == pair[1]));
        }
    }
}
