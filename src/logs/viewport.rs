//! The visible part of a log. While following, the view shows the newest lines. Otherwise the view stays on its line
//! while new lines arrive, and moves only when that line is dropped.

use super::{Line, LineId, Shown};

/// The space of a view on the screen. Every query and every move takes the space as an argument, so a resize needs no
/// separate call.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "holds a function")]
pub struct Room<'a> {
    pub height: usize,
    /// How many rows a line takes; at least one.
    pub rows: &'a dyn Fn(&Line) -> usize,
}

impl Room<'_> {
    fn rows(&self, shown: Shown<'_>, number: usize) -> usize {
        shown.get(number).map_or(1, |line| (self.rows)(line).max(1))
    }
}

/// The row at the top of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Top {
    /// The number of the line among the shown lines.
    pub number: usize,
    /// How many rows of that line are above the view.
    pub skipped: usize,
}

/// A window on the shown lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Viewport {
    /// The line at the top, and how many rows of that line are above the view. With `None`, the view follows the newest
    /// line.
    top: Option<(LineId, usize)>,
    /// How many columns are scrolled away on the left.
    left: usize,
}

impl Viewport {
    /// Whether the newest line is kept in view.
    pub fn follows(&self) -> bool {
        self.top.is_none()
    }

    /// How many columns are scrolled away on the left.
    pub fn left(&self) -> usize {
        self.left
    }

    /// The line at the top. None while the view follows the newest line.
    pub(super) fn stays_at(&self) -> Option<LineId> {
        self.top.map(|(id, _)| id)
    }

    /// Sets the new number of the line at the top.
    pub(super) fn moved(&mut self, place: LineId) {
        if let Some((id, _)) = &mut self.top {
            *id = place;
        }
    }

    /// The top row. If the screen has grown while the view does not follow the newest line, there may be space below
    /// the last line. New lines fill this space, and nothing jumps.
    pub fn top(&self, shown: Shown<'_>, room: Room<'_>) -> Top {
        let Some((id, skipped)) = self.top else {
            return last_top(shown, room);
        };
        let number = shown.number(id).min(shown.len().saturating_sub(1));
        let is_itself = shown.get(number).is_some_and(|line| line.id == id);
        let rows = room.rows(shown, number);
        Top {
            number,
            skipped: if is_itself { skipped.min(rows - 1) } else { 0 },
        }
    }

    /// How many lines are below the view.
    pub fn below(&self, shown: Shown<'_>, room: Room<'_>) -> usize {
        let top = self.top(shown, room);
        let (mut number, mut used) = (top.number, 0);
        while number < shown.len() {
            used += room.rows(shown, number);
            if used > room.height + top.skipped {
                break;
            }
            number += 1;
        }
        shown.len() - number.min(shown.len())
    }

    /// Starts to follow the newest line.
    pub fn follow(&mut self) {
        self.top = None;
    }

    /// Stops following, and stays at the current top row.
    pub fn stay(&mut self, shown: Shown<'_>, room: Room<'_>) {
        let top = self.top(shown, room);
        self.put(shown, top);
    }

    /// Scrolls by rows. Negative values scroll towards older lines, and stop following. Other values start following if
    /// the view reaches the newest line.
    pub fn scroll(&mut self, shown: Shown<'_>, room: Room<'_>, by: isize) {
        let mut top = self.top(shown, room);
        let mut left = by.unsigned_abs();
        if by < 0 {
            while left > top.skipped && top.number > 0 {
                left -= top.skipped + 1;
                top.number -= 1;
                top.skipped = room.rows(shown, top.number) - 1;
            }
            top.skipped = top.skipped.saturating_sub(left);
            self.put(shown, top);
            return;
        }
        let last = last_top(shown, room);
        while left > 0 && top < last {
            let rest = room.rows(shown, top.number) - top.skipped;
            if left < rest {
                top.skipped += left;
                break;
            }
            left -= rest;
            top = Top {
                number: top.number + 1,
                skipped: 0,
            };
        }
        if top >= last {
            self.follow();
        } else {
            self.put(shown, top);
        }
    }

    /// Scrolls to the oldest line and stops following.
    pub fn to_start(&mut self, shown: Shown<'_>) {
        self.put(shown, Top::default());
    }

    /// Adjusts the view after the filter or the start time has changed. A view that follows the newest line stays
    /// unchanged. Any other view stays near its position, and moves up if too few lines remain below to fill it.
    pub(super) fn settle(&mut self, shown: Shown<'_>, room: Room<'_>) {
        if !self.follows() {
            let top = self.top(shown, room).min(last_top(shown, room));
            self.put(shown, top);
        }
    }

    /// Stops following. If the line is not visible, scrolls to it and shows some lines around it.
    pub fn show(&mut self, shown: Shown<'_>, room: Room<'_>, id: LineId) {
        let number = shown.number(id);
        let (top, below) = (self.top(shown, room), self.below(shown, room));
        let in_view = (top.skipped == 0 && number == top.number) || number > top.number;
        if !(in_view && number + below < shown.len()) {
            let above = room.height / 3;
            let middle = Top {
                number: number.saturating_sub(above),
                skipped: 0,
            };
            self.put(shown, middle.min(last_top(shown, room)));
            return;
        }
        self.put(shown, top);
    }

    /// Scrolls sideways by columns. Negative values scroll to the left.
    pub fn slide(&mut self, by: isize) {
        self.left = self.left.saturating_add_signed(by);
    }

    /// Scrolls sideways until these columns are visible in a view of this width.
    pub fn reveal(&mut self, columns: std::ops::Range<usize>, width: usize) {
        if columns.end <= width {
            self.left = 0;
        } else if columns.start < self.left || columns.end > self.left + width {
            self.left = columns.start.saturating_sub(width / 3);
        }
    }

    fn put(&mut self, shown: Shown<'_>, top: Top) {
        // Without any line, the view stays where the first line will appear.
        let number = top.number.min(shown.len().saturating_sub(1));
        let id = shown
            .get(number)
            .map_or_else(|| shown.next(), |line| line.id);
        self.top = Some((id, top.skipped));
    }
}

/// The top at which the newest row is at the bottom.
fn last_top(shown: Shown<'_>, room: Room<'_>) -> Top {
    let mut number = shown.len();
    let mut used = 0;
    while number > 0 && used < room.height {
        number -= 1;
        used += room.rows(shown, number);
    }
    Top {
        number,
        skipped: used.saturating_sub(room.height),
    }
}

#[cfg(test)]
mod tests;
