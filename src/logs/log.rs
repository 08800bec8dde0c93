//! A log as one looks at it: the lines that are kept, what is looked for in them, which of them are
//! shown, and where the view is. Everything about looking is kept up to date as lines come and go.

use jiff::Timestamp;

use super::{Bounds, Index, Line, LineId, Needle, NewLine, Ring, Room, Shown, Viewport};
use crate::inventory::Slot;

/// What an operator wants of a log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// What is looked for: all lines stay, those that have it are marked.
    pub search: String,
    /// What every line that is shown has.
    pub filter: String,
    /// The oldest moment that is shown.
    pub since: Option<Timestamp>,
}

/// Which way to look for the next hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seek {
    /// Towards newer lines.
    Newer,
    /// Towards older lines.
    Older,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct Log {
    ring: Ring,
    wanted: Wanted,
    filter: Option<Index>,
    search: Option<Index>,
    from: LineId,
    /// The line that was gone to last, of those that have what is searched for.
    hit: Option<LineId>,
    view: Viewport,
}

impl Log {
    /// An empty log with bounds of its own.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            ring: Ring::new(bounds),
            ..Self::default()
        }
    }

    /// The lines that are kept.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Where one looks.
    pub fn view(&self) -> &Viewport {
        &self.view
    }

    /// The lines that are shown.
    pub fn shown(&self) -> Shown<'_> {
        shown(&self.ring, self.filter.as_ref(), self.from)
    }

    /// What is searched for.
    pub fn needle(&self) -> Option<&Needle> {
        self.search.as_ref().map(Index::needle)
    }

    /// The line that was gone to last.
    pub fn hit(&self) -> Option<LineId> {
        self.hit
    }

    /// How many of the lines that are shown have what is searched for, and which of them, counted
    /// from one, was gone to last.
    pub fn hits(&self) -> Option<(Option<usize>, usize)> {
        let hits = self.search.as_ref()?.ids();
        let before = hits.partition_point(|id| *id < self.from);
        let at = self.hit.and_then(|hit| hits.binary_search(&hit).ok());
        let number = at.and_then(|at| Some(at.checked_sub(before)? + 1));
        Some((number, hits.len() - before))
    }

    /// Adds lines at the new end.
    pub fn extend(&mut self, lines: impl IntoIterator<Item = NewLine>) {
        let first = self.ring.end();
        for line in lines {
            self.ring.push(line);
        }
        self.index_from(first);
    }

    /// Adds lines of one slot's log from a place on, each where it belongs in time.
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

    /// Shows what is wanted, and marks it.
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

    /// Goes to the hit that is nearest to what is in view: the newest that is not below it, else
    /// the oldest that is. Whether there is one.
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

    /// Goes to the next hit, from the last one on to the first. Whether it had to begin again at
    /// the other end; none when there is no hit at all.
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

    /// Puts the view where it was.
    pub fn look_again(&mut self, view: Viewport) {
        self.view = view;
        self.hit = None;
    }

    /// Moves the view by rows.
    pub fn scroll(&mut self, room: Room<'_>, by: isize) {
        let shown = shown(&self.ring, self.filter.as_ref(), self.from);
        self.view.scroll(shown, room, by);
    }

    /// Moves the view by columns.
    pub fn slide(&mut self, by: isize) {
        self.view.slide(by);
    }

    /// Moves the view sideways until some columns are in it.
    pub fn reveal(&mut self, columns: std::ops::Range<usize>, width: usize) {
        self.view.reveal(columns, width);
    }

    /// Keeps the newest line in view.
    pub fn follow(&mut self) {
        self.view.follow();
    }

    /// Stays where it is.
    pub fn stay(&mut self, room: Room<'_>) {
        let shown = shown(&self.ring, self.filter.as_ref(), self.from);
        self.view.stay(shown, room);
    }

    /// Looks at the oldest line.
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

    /// Takes up the lines from a place on, and lets go of those that were dropped.
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

/// Rows of one each, in a view of some height: for whom lines are not wrapped.
pub fn plain(height: usize) -> Room<'static> {
    fn one(_: &Line) -> usize {
        1
    }
    Room { height, rows: &one }
}

#[cfg(test)]
mod tests;
