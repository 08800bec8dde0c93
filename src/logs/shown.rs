//! The lines of a ring that are shown. A filter and a start time can hide lines. A line is found by its number without
//! a scan.

use std::collections::VecDeque;

use super::{Line, LineId, Ring};

/// The shown lines of a ring.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    ring: &'a Ring,
    /// The lines that match the filter. `None` means that there is no filter.
    kept: Option<&'a VecDeque<LineId>>,
    /// The oldest line that may be shown.
    from: LineId,
}

impl<'a> Shown<'a> {
    /// The lines of a ring from `from` on. If `kept` is given, only the lines in it.
    pub(super) fn new(ring: &'a Ring, kept: Option<&'a VecDeque<LineId>>, from: LineId) -> Self {
        Self {
            ring,
            kept,
            from: from.max(ring.first()),
        }
    }

    /// How many lines of the ring that match the filter come before this line, including lines before `from`.
    fn before(&self, id: LineId) -> usize {
        match self.kept {
            Some(kept) => kept.partition_point(|kept| *kept < id),
            None => usize::try_from(id.0.saturating_sub(self.ring.first().0)).unwrap_or(usize::MAX),
        }
    }

    /// How many lines are shown.
    pub fn len(&self) -> usize {
        let matching = self.kept.map_or(self.ring.len(), VecDeque::len);
        matching.saturating_sub(self.before(self.from))
    }

    /// Whether no line is shown.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The line with this number, counted from the oldest shown line.
    pub fn get(&self, number: usize) -> Option<&'a Line> {
        let index = number.checked_add(self.before(self.from))?;
        let id = match self.kept {
            Some(kept) => *kept.get(index)?,
            None => LineId(self.ring.first().0 + index as u64),
        };
        self.ring.get(id)
    }

    /// The number of a line, counted from the oldest shown line. For a hidden line, the number of the next newer shown
    /// line.
    pub fn number(&self, id: LineId) -> usize {
        let skipped = self.before(self.from);
        self.before(id).saturating_sub(skipped).min(self.len())
    }

    /// The id that the next new line will get.
    pub(super) fn next(&self) -> LineId {
        self.ring.end()
    }

    /// The lines from a number on, oldest first.
    pub fn lines(self, from: usize) -> impl Iterator<Item = &'a Line> {
        (from..self.len()).filter_map(move |number| self.get(number))
    }
}
