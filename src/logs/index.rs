//! The lines of a ring that match a search. The index is updated with each line, so that neither a frame nor a new line
//! needs a scan of all lines.

use std::collections::VecDeque;

use super::{Line, LineId, Needle};

/// The matching lines of a ring.
#[derive(Debug, Clone)]
pub struct Index {
    needle: Needle,
    ids: VecDeque<LineId>,
}

impl Index {
    pub(super) fn new(needle: Needle) -> Self {
        Self {
            needle,
            ids: VecDeque::new(),
        }
    }

    pub fn needle(&self) -> &Needle {
        &self.needle
    }

    /// The matching lines, oldest first.
    pub fn ids(&self) -> &VecDeque<LineId> {
        &self.ids
    }

    /// Adds a new line if it matches. Returns whether it does.
    pub(super) fn take(&mut self, line: &Line) -> bool {
        let has = self.needle.is_in(&line.text);
        if has {
            self.ids.push_back(line.id);
        }
        has
    }

    /// Removes the lines before `first`, which the ring has dropped.
    pub(super) fn forget_before(&mut self, first: LineId) {
        while self.ids.front().is_some_and(|id| *id < first) {
            self.ids.pop_front();
        }
    }

    /// Removes the lines from `id` on. The ring has removed these lines and will give them new numbers.
    pub(super) fn forget_from(&mut self, id: LineId) {
        while self.ids.back().is_some_and(|newest| *newest >= id) {
            self.ids.pop_back();
        }
    }
}
