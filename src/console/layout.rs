//! Where things are on a screen of some size. Pure geometry: `view` draws into it, and `update`
//! asks it how many lines a scroll has to move.

use ratatui::layout::{Constraint, Layout, Rect};

use super::model::Pane;

/// The size from which all panes fit.
const ALL: (u16, u16) = (118, 34);
/// The size from which panes are shown beside each other at all.
const SOME: (u16, u16) = (84, 28);
/// The size below which only a card is shown.
pub(super) const LEAST: (u16, u16) = (60, 16);
/// The least width of the matrix where others stand beside it.
const MATRIX: u16 = 36;
/// The rows of a ladder with its words.
const LADDER: u16 = 5;
/// The width from which two slots stand beside each other.
const SIDE: u16 = 80;

/// Every place on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Arrangement {
    /// Too small: a card that says what it needs.
    Card(Rect),
    /// Panes, some or all.
    Panes(Places),
}

/// How the two slots stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slots {
    /// Beside each other.
    Side,
    /// One over the other.
    Stacked,
}

/// The places of an arrangement with panes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) header: Rect,
    /// The line with the names of the panes, where only one is shown.
    pub(super) tabs: Option<Rect>,
    pub(super) panes: Vec<(Pane, Rect)>,
    pub(super) slots: Slots,
    pub(super) ladder: Rect,
    pub(super) footer: Rect,
}

impl Places {
    /// Where a pane is, if it is shown.
    pub(super) fn pane(&self, pane: Pane) -> Option<Rect> {
        self.panes
            .iter()
            .find(|(shown, _)| *shown == pane)
            .map(|(_, place)| *place)
    }
}

/// Arranges a screen.
pub(super) fn arrange(size: (u16, u16), focus: Pane) -> Arrangement {
    let (width, height) = size;
    let area = Rect::new(0, 0, width, height);
    if width < LEAST.0 || height < LEAST.1 {
        Arrangement::Card(area)
    } else if width >= ALL.0 && height >= ALL.1 {
        Arrangement::Panes(wide(area))
    } else if width >= SOME.0 && height >= SOME.1 {
        Arrangement::Panes(medium(area, focus))
    } else {
        Arrangement::Panes(single(area, focus))
    }
}

fn wide(area: Rect) -> Places {
    // Of the rows beyond the least, half go to the log and a quarter to each row of panes.
    let spare = area.height - ALL.1;
    let [header, upper, middle, ladder, logs, footer] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(12 + spare.min(16) / 4),
        Constraint::Length(8 + spare.min(24) / 4),
        Constraint::Length(LADDER),
        Constraint::Min(0),
        Constraint::Length(1),
    ])
    .areas(area);
    let matrix = MATRIX + (area.width - ALL.0).min(60) / 3;
    let [matrix, slots] =
        Layout::horizontal([Constraint::Length(matrix), Constraint::Min(0)]).areas(upper);
    let [checks, registrations] =
        Layout::horizontal([Constraint::Percentage(42), Constraint::Min(0)]).areas(middle);
    Places {
        header,
        tabs: None,
        panes: vec![
            (Pane::Environments, matrix),
            (Pane::Slots, slots),
            (Pane::Checks, checks),
            (Pane::Registrations, registrations),
            (Pane::Logs, logs),
        ],
        slots: Slots::Side,
        ladder,
        footer,
    }
}

fn medium(area: Rect, focus: Pane) -> Places {
    let [header, upper, ladder, logs, footer] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(15),
        Constraint::Length(LADDER),
        Constraint::Min(0),
        Constraint::Length(1),
    ])
    .areas(area);
    let [left, slots] =
        Layout::horizontal([Constraint::Length(MATRIX), Constraint::Min(0)]).areas(upper);
    let [matrix, lower] = Layout::vertical([Constraint::Fill(1), Constraint::Fill(1)]).areas(left);
    let below = if focus == Pane::Registrations {
        Pane::Registrations
    } else {
        Pane::Checks
    };
    Places {
        header,
        tabs: None,
        panes: vec![
            (Pane::Environments, matrix),
            (Pane::Slots, slots),
            (below, lower),
            (Pane::Logs, logs),
        ],
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

fn single(area: Rect, focus: Pane) -> Places {
    let rungs = match area.height {
        ..20 => 1,
        20..24 => LADDER - 1,
        24.. => LADDER,
    };
    let [header, tabs, pane, ladder, footer] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(rungs),
        Constraint::Length(1),
    ])
    .areas(area);
    Places {
        header,
        tabs: Some(tabs),
        panes: vec![(focus, pane)],
        slots: side_or_stacked(area.width.saturating_sub(2)),
        ladder,
        footer,
    }
}

/// How many lines a pane shows inside its border; none where it is not shown.
pub(super) fn rows(size: (u16, u16), focus: Pane, pane: Pane) -> usize {
    match arrange(size, focus) {
        Arrangement::Card(_) => 0,
        Arrangement::Panes(places) => places
            .pane(pane)
            .map_or(0, |place| usize::from(place.height.saturating_sub(2))),
    }
}

/// How many lines of text a dialog shows.
pub(super) fn dialog_rows(size: (u16, u16)) -> usize {
    usize::from(size.1.saturating_sub(8)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_overlaps_and_the_ladder_is_always_there() {
        for width in (60..200).step_by(7) {
            for height in 16..80 {
                for focus in Pane::ALL {
                    let Arrangement::Panes(places) = arrange((width, height), focus) else {
                        panic!("{width}x{height} has room for panes");
                    };
                    assert!(places.ladder.height >= 1);
                    assert!(places.pane(focus).is_some(), "{width}x{height} {focus:?}");
                    let mut all: Vec<Rect> = places.panes.iter().map(|(_, r)| *r).collect();
                    all.extend([places.header, places.ladder, places.footer]);
                    all.extend(places.tabs);
                    let cells: u32 = all.iter().map(|r| r.area()).sum();
                    assert_eq!(cells, u32::from(width) * u32::from(height));
                }
            }
        }
    }
}
