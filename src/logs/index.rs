//! Which lines of a ring have what is looked for: kept up to date line by line, so that neither a
//! frame nor a line that comes costs a look at all of them.

use std::collections::VecDeque;

use super::{Line, LineId, Needle};

/// See the module.
#[derive(Debug, Clone)]
pub struct Index {
    needle: Needle,
    ids: VecDeque<LineId>,
}

impl Index {
    /// An index that has seen no line yet.
    pub(super) fn new(needle: Needle) -> Self {
        Self {
            needle,
            ids: VecDeque::new(),
        }
    }

    /// What is looked for.
    pub fn needle(&self) -> &Needle {
        &self.needle
    }

    /// The lines that have it, oldest first.
    pub fn ids(&self) -> &VecDeque<LineId> {
        &self.ids
    }

    /// A line came; whether it has it.
    pub(super) fn take(&mut self, line: &Line) -> bool {
        let has = self.needle.is_in(&line.text);
        if has {
            self.ids.push_back(line.id);
        }
        has
    }

    /// The lines before this one are gone.
    pub(super) fn forget_before(&mut self, first: LineId) {
        while self.ids.front().is_some_and(|id| *id < first) {
            self.ids.pop_front();
        }
    }

    /// The lines from this one on were taken back.
    pub(super) fn forget_from(&mut self, id: LineId) {
        while self.ids.back().is_some_and(|newest| *newest >= id) {
            self.ids.pop_back();
        }
    }
}
