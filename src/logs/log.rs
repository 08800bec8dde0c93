//! A log as the operator sees it: the kept lines, the search, the filter, and the position of the view. All four are
//! updated as lines are added and dropped.

use jiff::Timestamp;

use super::{Bounds, Index, Line, LineId, Needle, NewLine, Ring, Room, Shown, Viewport};
use crate::inventory::Slot;

/// What an operator wants to see of a log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// The search text. All lines stay, and matches are marked.
    pub search: String,
    /// The filter text. Only lines that contain it are shown.
    pub filter: String,
    /// Lines that are older than this time are hidden.
    pub since: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seek {
    Newer,
    Older,
}

/// A log with its search, filter and view.
#[derive(Debug, Clone, Default)]
pub struct Log {
    ring: Ring,
    wanted: Wanted,
    filter: Option<Index>,
    search: Option<Index>,
    from: LineId,
    /// The current match: the line that the search moved to last.
    hit: Option<LineId>,
    view: Viewport,
}

impl Log {
    pub fn new(bounds: Bounds) -> Self {
        Self {
            ring: Ring::new(bounds),
            ..Self::default()
        }
    }

    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    pub fn view(&self) -> &Viewport {
        &self.view
    }

    pub fn shown(&self) -> Shown<'_> {
        shown(&self.ring, self.filter.as_ref(), self.from)
    }

    pub fn needle(&self) -> Option<&Needle> {
        self.search.as_ref().map(Index::needle)
    }

    pub fn hit(&self) -> Option<LineId> {
        self.hit
    }

    /// The number of the current match, counted from one over the shown matches, and how many matches are shown. None
    /// without a search.
    pub fn hits(&self) -> Option<(Option<usize>, usize)> {
        let hits = self.search.as_ref()?.ids();
        let before = hits.partition_point(|id| *id < self.from);
        let at = self.hit.and_then(|hit| hits.binary_search(&hit).ok());
        let number = at.and_then(|at| Some(at.checked_sub(before)? + 1));
        Some((number, hits.len() - before))
    }

    pub fn extend(&mut self, lines: impl IntoIterator<Item = NewLine>) {
        let first = self.ring.end();
        for line in lines {
            self.ring.push(line);
        }
        self.index_from(first);
    }

    /// Merges new lines of `log`, the log of one slot, into this log, ordered by time. `from` is the number of the
    /// first new line in `log`.
    pub fn interleave(&mut self, slot: Slot, log: &Self, from: LineId) {
        let mut new = log.ring.window(from, usize::MAX).peekable();
        let Some(oldest) = new.peek() else { return };
        let mut newer = self.ring.take_back(oldest.order).into_iter().peekable();
        let first = self.ring.end();
        self.forget_from(first);
        let (stays_at, hit) = (self.view.stays_at(), self.hit);
        loop {
            let is_mine = match (newer.peek(), new.peek()) {
                (Some(mine), Some(other)) => mine.order <= other.order,
                (mine, None) if mine.is_none() => break,
                (mine, _) => mine.is_some(),
            };
            if !is_mine {
                if let Some(line) = new.next() {
                    self.ring.push_of(slot, line);
                }
                continue;
            }
            let Some(line) = newer.next() else { break };
            let (old, place) = (line.id, self.ring.end());
            if stays_at == Some(old) {
                self.view.moved(place);
            }
            if hit == Some(old) {
                self.hit = Some(place);
            }
            self.ring.put(line);
        }
        self.index_from(first);
    }

    /// Applies a search, a filter and a start time, if one of them has changed.
    pub fn want(&mut self, wanted: &Wanted, room: Room<'_>) {
        if *wanted == self.wanted {
            return;
        }
        let is_other = wanted.filter != self.wanted.filter || wanted.since != self.wanted.since;
        self.wanted.clone_from(wanted);
        self.filter = Needle::new(&wanted.filter).map(Index::new);
        self.search = Needle::new(&wanted.search).map(Index::new);
        let since = wanted.since.map(Timestamp::as_microsecond);
        self.from = since.map_or(LineId(0), |since| self.ring.since(since));
        self.index_from(self.ring.first());
        self.hit = self.hit.filter(|hit| {
            let hits = self.search.as_ref().map(Index::ids);
            hits.is_some_and(|hits| hits.binary_search(hit).is_ok())
        });
        if is_other {
            let shown = shown(&self.ring, self.filter.as_ref(), self.from);
            self.view.settle(shown, room);
        }
    }

    /// Moves to the match nearest to the view: the newest match at or above the last visible line. If there is none,
    /// the oldest match below the view. Returns whether there is a match.
    pub fn go_to_nearest(&mut self, room: Room<'_>) -> bool {
        let shown = self.shown();
        let below = self.view.below(shown, room);
        let bottom = shown.len().saturating_sub(below + 1);
        let bottom = shown.get(bottom).map_or(self.ring.end(), |line| line.id);
        let hits = self.search.as_ref().map(Index::ids);
        let found = hits.and_then(|hits| {
            let above = hits.partition_point(|id| *id <= bottom);
            let nearest = above.checked_sub(1).and_then(|at| hits.get(at));
            nearest
                .filter(|id| **id >= self.from)
                .or_else(|| hits.get(hits.partition_point(|id| *id < self.from).max(above)))
                .copied()
        });
        self.arrive(found, room)
    }

    /// Moves to the next newer or older match. Without a current match, moves to the nearest match. Returns whether the
    /// search wrapped around; none if there is no match.
    pub fn seek(&mut self, seek: Seek, room: Room<'_>) -> Option<bool> {
        let Some(from) = self.hit else {
            return self.go_to_nearest(room).then_some(false);
        };
        let hits = self.search.as_ref().map(Index::ids)?;
        let first = hits.partition_point(|id| *id < self.from);
        let at = hits.partition_point(|id| *id < from);
        let next = match seek {
            Seek::Newer if hits.get(at) == Some(&from) => at + 1,
            Seek::Newer => at,
            Seek::Older => at.wrapping_sub(1),
        };
        let is_inside = next >= first && next < hits.len();
        let next = match seek {
            _ if is_inside => next,
            Seek::Newer => first,
            Seek::Older => hits.len().wrapping_sub(1),
        };
        let found = hits.get(next).filter(|id| **id >= self.from).copied();
        self.arrive(found, room).then_some(!is_inside)
    }

    /// Restores an earlier view, and clears the current match.
    pub fn look_again(&mut self, view: Viewport) {
        self.view = view;
        self.hit = None;
    }

    pub fn scroll(&mut self, room: Room<'_>, by: isize) {
        let shown = shown(&self.ring, self.filter.as_ref(), self.from);
        self.view.scroll(shown, room, by);
    }

    pub fn slide(&mut self, by: isize) {
        self.view.slide(by);
    }

    /// Scrolls sideways until these columns are visible.
    pub fn reveal(&mut self, columns: std::ops::Range<usize>, width: usize) {
        self.view.reveal(columns, width);
    }

    pub fn follow(&mut self) {
        self.view.follow();
    }

    pub fn stay(&mut self, room: Room<'_>) {
        let shown = shown(&self.ring, self.filter.as_ref(), self.from);
        self.view.stay(shown, room);
    }

    /// Scrolls to the oldest line.
    pub fn to_start(&mut self) {
        let shown = shown(&self.ring, self.filter.as_ref(), self.from);
        self.view.to_start(shown);
    }

    fn arrive(&mut self, found: Option<LineId>, room: Room<'_>) -> bool {
        self.hit = found;
        let Some(id) = found else { return false };
        let shown = shown(&self.ring, self.filter.as_ref(), self.from);
        self.view.show(shown, room, id);
        true
    }

    /// Indexes the lines from a line number on, and removes dropped lines from the indexes.
    fn index_from(&mut self, from: LineId) {
        let since = self.wanted.since.map(Timestamp::as_microsecond);
        if let Some(since) = since
            && self.from >= from
        {
            self.from = self.ring.since(since);
        }
        let first = self.ring.first();
        if self.filter.is_some() || self.search.is_some() {
            for line in self.ring.window(from, usize::MAX) {
                let keeps = match &mut self.filter {
                    Some(filter) => filter.take(line),
                    None => true,
                };
                if keeps && let Some(search) = &mut self.search {
                    search.take(line);
                }
            }
        }
        for index in [&mut self.filter, &mut self.search].into_iter().flatten() {
            index.forget_before(first);
        }
    }

    fn forget_from(&mut self, id: LineId) {
        for index in [&mut self.filter, &mut self.search].into_iter().flatten() {
            index.forget_from(id);
        }
    }
}

fn shown<'a>(ring: &'a Ring, filter: Option<&'a Index>, from: LineId) -> Shown<'a> {
    Shown::new(ring, filter.map(Index::ids), from)
}

/// A room in which every line takes one row, for callers that do not wrap lines.
pub fn plain(height: usize) -> Room<'static> {
    fn one_row(_: &Line) -> usize {
        1
    }
    Room {
        height,
        rows: &one_row,
    }
}

#[cfg(test)]
mod tests;
