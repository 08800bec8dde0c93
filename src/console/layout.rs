//! Where each part of the screen is, for every size of the terminal. `view` draws into these rectangles, and
//! `update` uses them to know how far to scroll and what was clicked.

use ratatui::layout::{Constraint, Layout, Margin, Position, Rect};

use super::model::{Model, Pane};

/// The smallest size, in columns and rows, at which all panes are shown.
const ALL: (u16, u16) = (118, 34);
/// The smallest size, in columns and rows, at which several panes are shown.
const SOME: (u16, u16) = (84, 28);
/// The smallest size, in columns and rows, at which one pane is shown. A smaller screen shows only a card.
pub(super) const LEAST: (u16, u16) = (60, 16);
/// The smallest width of the matrix next to other panes.
const MATRIX: u16 = 36;
/// The height of the ladder, the pane with the steps of a release and the lines below the steps.
const LADDER: u16 = 5;
/// The smallest width of the slots pane at which blue and green are shown side by side.
const SIDE: u16 = 80;

/// What the screen shows, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Arrangement {
    /// The screen is too small. A card says how large it must be.
    Card(Rect),
    Panes(Places),
}

/// How blue and green are arranged in the slots pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slots {
    Side,
    Stacked,
}

/// Where the panes and the lines around them are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) header: Rect,
    /// The line with the names of all panes. `None` if several panes are shown, or if one pane is zoomed.
    pub(super) tabs: Option<Rect>,
    pub(super) panes: Vec<(Pane, Rect)>,
    pub(super) slots: Slots,
    pub(super) ladder: Rect,
    pub(super) footer: Rect,
}

impl Places {
    /// The rectangle of a pane. `None` if the pane is not shown.
    pub(super) fn pane(&self, pane: Pane) -> Option<Rect> {
        self.panes
            .iter()
            .find(|(shown, _)| *shown == pane)
            .map(|(_, place)| *place)
    }
}

/// What the arrangement depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) size: (u16, u16),
    /// The focused pane, which is always shown.
    pub(super) focus: Pane,
    /// Whether the focused pane fills the screen.
    pub(super) zoomed: bool,
    /// Whether the log is hidden and leaves its room to the other panes.
    pub(super) log_hidden: bool,
    /// Whether the newest release of the open target has ended, or no release is known. Then a small screen gives the
    /// ladder less room, and a large screen shows the timeline of the target.
    pub(super) at_rest: bool,
}

impl Shape {
    pub(super) fn of(model: &Model) -> Self {
        Self {
            size: model.size,
            focus: model.focus,
            zoomed: model.looks.zoomed,
            log_hidden: model.looks.log_hidden && model.focus != Pane::Logs,
            at_rest: model.is_at_rest(),
        }
    }
}

/// The number of rows in the list of the history: the height of its pane without the frame and the column names.
pub(super) fn history_rows(model: &Model) -> usize {
    let shape = Shape {
        zoomed: true,
        ..Shape::of(model)
    };
    match arrange(shape) {
        Arrangement::Panes(places) => {
            let height = places.panes.first().map_or(0, |(_, place)| place.height);
            usize::from(height.saturating_sub(3))
        }
        Arrangement::Card(_) => 0,
    }
}

pub(super) fn arrange(shape: Shape) -> Arrangement {
    let (width, height) = shape.size;
    let area = Rect::new(0, 0, width, height);
    if is_too_small(shape.size) {
        Arrangement::Card(area)
    } else if shape.zoomed {
        Arrangement::Panes(single(area, shape, Tabs::Hidden))
    } else if width >= ALL.0 && height >= ALL.1 {
        Arrangement::Panes(wide(area, shape))
    } else if width >= SOME.0 && height >= SOME.1 {
        Arrangement::Panes(medium(area, shape))
    } else {
        Arrangement::Panes(single(area, shape, Tabs::Shown))
    }
}

/// Whether the screen is too small for a pane.
pub(super) fn is_too_small((width, height): (u16, u16)) -> bool {
    width < LEAST.0 || height < LEAST.1
}

fn wide(area: Rect, shape: Shape) -> Places {
    let log_hidden = shape.log_hidden;
    let timeline = if shape.at_rest {
        spare_for_timeline(area.height)
    } else {
        0
    };
    // The lines beyond `ALL`: the upper and the middle panes get a quarter each, up to a limit; the timeline and
    // the log get the rest. Without a log, the upper panes get three fifths of the height, and the middle panes get two
    // fifths.
    let spare = area.height - ALL.1;
    let (upper, middle, logs) = if log_hidden {
        (
            Constraint::Fill(3),
            Constraint::Fill(2),
            Constraint::Length(0),
        )
    } else {
        (
            Constraint::Length(12 + spare.min(64) / 4),
            Constraint::Length(8 + spare.min(40) / 4),
            Constraint::Min(0),
        )
    };
    let [header, upper, middle, ladder, logs, footer] = Layout::vertical([
        Constraint::Length(1),
        upper,
        middle,
        Constraint::Length(LADDER + timeline),
        logs,
        Constraint::Length(1),
    ])
    .areas(area);
    let matrix = MATRIX + (area.width - ALL.0).min(180) / 3;
    let [matrix, slots] =
        Layout::horizontal([Constraint::Length(matrix), Constraint::Min(0)]).areas(upper);
    let [checks, registrations] =
        Layout::horizontal([Constraint::Percentage(42), Constraint::Min(0)]).areas(middle);
    let mut panes = vec![
        (Pane::Environments, matrix),
        (Pane::Slots, slots),
        (Pane::Checks, checks),
        (Pane::Registrations, registrations),
    ];
    if !log_hidden {
        panes.push((Pane::Logs, logs));
    }
    Places {
        header,
        tabs: None,
        panes,
        slots: Slots::Side,
        ladder,
        footer,
    }
}

fn medium(area: Rect, shape: Shape) -> Places {
    let (upper, logs) = if shape.log_hidden {
        (Constraint::Min(0), Constraint::Length(0))
    } else {
        // The lines beyond `SOME`: the upper panes get a third, at most eight lines; the log gets the rest.
        let spare = area.height - SOME.1;
        (
            Constraint::Length(15 + spare.min(24) / 3),
            Constraint::Min(0),
        )
    };
    let [header, upper, ladder, logs, footer] = Layout::vertical([
        Constraint::Length(1),
        upper,
        Constraint::Length(LADDER),
        logs,
        Constraint::Length(1),
    ])
    .areas(area);
    let [left, slots] =
        Layout::horizontal([Constraint::Length(MATRIX), Constraint::Min(0)]).areas(upper);
    let [matrix, lower] = Layout::vertical([Constraint::Fill(1), Constraint::Fill(1)]).areas(left);
    let below = if shape.focus == Pane::Registrations {
        Pane::Registrations
    } else {
        Pane::Checks
    };
    let mut panes = vec![
        (Pane::Environments, matrix),
        (Pane::Slots, slots),
        (below, lower),
    ];
    if !shape.log_hidden {
        panes.push((Pane::Logs, logs));
    }
    Places {
        header,
        tabs: None,
        panes,
        slots: side_or_stacked(slots.width),
        ladder,
        footer,
    }
}

fn side_or_stacked(width: u16) -> Slots {
    if width >= SIDE {
        Slots::Side
    } else {
        Slots::Stacked
    }
}

/// Whether a line shows the names of all panes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tabs {
    Shown,
    Hidden,
}

fn single(area: Rect, shape: Shape, line: Tabs) -> Places {
    let is_small = area.width < SOME.0 || area.height < SOME.1;
    let steps = match area.height {
        _ if is_small && shape.at_rest => 1,
        ..20 => 1,
        20..24 => LADDER - 1,
        24.. => LADDER,
    };
    let [header, tabs, pane, ladder, footer] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(u16::from(line == Tabs::Shown)),
        Constraint::Min(0),
        Constraint::Length(steps),
        Constraint::Length(1),
    ])
    .areas(area);
    Places {
        header,
        tabs: (line == Tabs::Shown).then_some(tabs),
        panes: vec![(shape.focus, pane)],
        slots: side_or_stacked(area.width.saturating_sub(2)),
        ladder,
        footer,
    }
}

/// The rows for the timeline of the open target. 0 if the screen is too small, if it shows one pane or the history, or
/// if the newest release has not ended.
pub(super) fn timeline_rows(model: &Model) -> usize {
    let shape = Shape::of(model);
    let is_wide = model.size.0 >= ALL.0 && model.size.1 >= ALL.1;
    if !is_wide || shape.zoomed || !shape.at_rest || model.history.is_open {
        return 0;
    }
    spare_for_timeline(model.size.1).into()
}

/// A sixth of the lines beyond the height of `ALL`, at most eight. 0 if that is less than two lines.
fn spare_for_timeline(height: u16) -> u16 {
    match height.saturating_sub(ALL.1) / 6 {
        0..2 => 0,
        rows => rows.min(8),
    }
}

/// Whether the screen is too small for several panes, or even for one. False while a pane is zoomed.
pub(super) fn is_narrow(model: &Model) -> bool {
    let (width, height) = model.size;
    !model.looks.zoomed && (width < SOME.0 || height < SOME.1)
}

/// How many lines a pane shows inside its border. 0 if the pane is not shown.
pub(super) fn rows(model: &Model, pane: Pane) -> usize {
    match arrange(Shape::of(model)) {
        Arrangement::Card(_) => 0,
        Arrangement::Panes(places) => places
            .pane(pane)
            .map_or(0, |place| usize::from(place.height.saturating_sub(2))),
    }
}

/// The place of the mouse pointer in a pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) pane: Pane,
    /// The line inside the border, counted from the top. `usize::MAX` on the border or a tab.
    pub(super) line: usize,
    /// The column inside the border, counted from the left.
    pub(super) column: usize,
    /// The height of the pane inside the border. 0 on a tab.
    pub(super) rows: usize,
    /// The width of the pane inside the border. 0 on a tab.
    pub(super) columns: usize,
}

/// The pane at a column and a row of the screen, or the pane to which the tab at this place belongs.
pub(super) fn hit(model: &Model, (column, row): (u16, u16)) -> Option<Hit> {
    let Arrangement::Panes(places) = arrange(Shape::of(model)) else {
        return None;
    };
    let at = Position::new(column, row);
    if places.tabs.is_some_and(|tabs| tabs.contains(at)) {
        return tab_at(column).map(|pane| Hit {
            pane,
            line: usize::MAX,
            column: 0,
            rows: 0,
            columns: 0,
        });
    }
    let (pane, place) = places.panes.iter().find(|(_, place)| place.contains(at))?;
    let inner = place.inner(Margin::new(1, 1));
    Some(Hit {
        pane: *pane,
        line: if inner.contains(at) {
            usize::from(row - inner.y)
        } else {
            usize::MAX
        },
        column: column.saturating_sub(inner.x).into(),
        rows: inner.height.into(),
        columns: inner.width.into(),
    })
}

/// The text of a pane's tab.
pub(super) fn tab(pane: Pane) -> String {
    format!(" {} {} ", pane.number(), pane.name())
}

fn tab_at(column: u16) -> Option<Pane> {
    let mut ends = 0;
    Pane::ALL.into_iter().find(|pane| {
        ends += tab(*pane).len();
        usize::from(column) < ends
    })
}

/// How many lines of text a dialog of the usual height shows.
pub(super) fn dialog_rows(size: (u16, u16)) -> usize {
    usize::from(size.1.saturating_sub(8)).max(1)
}

/// How many versions the picker shows: the lines of a dialog, without the picker's heading, input line and notes.
pub(super) fn picker_rows(size: (u16, u16)) -> usize {
    dialog_rows(size).saturating_sub(9).max(1)
}

/// The range of rows that a list of `count` rows shows in `height` lines. The range includes `row`, the row of the
/// cursor.
pub(super) fn window(row: usize, count: usize, height: usize) -> std::ops::Range<usize> {
    let top = row
        .saturating_sub(height / 2)
        .min(count.saturating_sub(height));
    top..(top + height).min(count)
}

#[cfg(test)]
mod tests;
