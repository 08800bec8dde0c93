//! Where things are on a screen of some size. Pure geometry: `view` draws into it, and `update`
//! asks it how many lines a scroll has to move.

use ratatui::layout::{Constraint, Layout, Margin, Position, Rect};

use super::model::{Model, Pane};

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

/// What an arrangement depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// Columns and rows.
    pub(super) size: (u16, u16),
    /// The pane that has the keys: it is always shown.
    pub(super) focus: Pane,
    /// Whether it has the screen, too.
    pub(super) zoomed: bool,
    /// Whether the log gives its room to the others.
    pub(super) log_hidden: bool,
}

impl Shape {
    /// The shape a model asks for.
    pub(super) fn of(model: &Model) -> Self {
        Self {
            size: model.size,
            focus: model.focus,
            zoomed: model.looks.zoomed,
            log_hidden: model.looks.log_hidden && model.focus != Pane::Logs,
        }
    }
}

/// How many rows the history has on a screen of this size, without its frame and its names.
pub(super) fn history_rows(size: (u16, u16)) -> usize {
    let shape = Shape {
        size,
        focus: Pane::Environments,
        zoomed: true,
        log_hidden: false,
    };
    match arrange(shape) {
        Arrangement::Panes(places) => {
            let height = places.panes.first().map_or(0, |(_, place)| place.height);
            usize::from(height.saturating_sub(3))
        }
        Arrangement::Card(_) => 0,
    }
}

/// Arranges a screen.
pub(super) fn arrange(shape: Shape) -> Arrangement {
    let (width, height) = shape.size;
    let area = Rect::new(0, 0, width, height);
    if width < LEAST.0 || height < LEAST.1 {
        Arrangement::Card(area)
    } else if shape.zoomed {
        Arrangement::Panes(single(area, shape.focus, Tabs::Hidden))
    } else if width >= ALL.0 && height >= ALL.1 {
        Arrangement::Panes(wide(area, shape.log_hidden))
    } else if width >= SOME.0 && height >= SOME.1 {
        Arrangement::Panes(medium(area, shape))
    } else {
        Arrangement::Panes(single(area, shape.focus, Tabs::Shown))
    }
}

fn wide(area: Rect, log_hidden: bool) -> Places {
    // Of the rows beyond the least, half go to the log and a quarter to each row of panes; two
    // thirds to the services and a third to the rest where there is no log.
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
        Constraint::Length(LADDER),
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
        // Tall and narrow: the log has most of it, and the slots all that they can say.
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

/// Whether a line names the panes that are not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tabs {
    Shown,
    Hidden,
}

fn single(area: Rect, focus: Pane, line: Tabs) -> Places {
    let rungs = match area.height {
        ..20 => 1,
        20..24 => LADDER - 1,
        24.. => LADDER,
    };
    let [header, tabs, pane, ladder, footer] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(u16::from(line == Tabs::Shown)),
        Constraint::Min(0),
        Constraint::Length(rungs),
        Constraint::Length(1),
    ])
    .areas(area);
    Places {
        header,
        tabs: (line == Tabs::Shown).then_some(tabs),
        panes: vec![(focus, pane)],
        slots: side_or_stacked(area.width.saturating_sub(2)),
        ladder,
        footer,
    }
}

/// How many lines a pane shows inside its border; none where it is not shown.
pub(super) fn rows(model: &Model, pane: Pane) -> usize {
    match arrange(Shape::of(model)) {
        Arrangement::Card(_) => 0,
        Arrangement::Panes(places) => places
            .pane(pane)
            .map_or(0, |place| usize::from(place.height.saturating_sub(2))),
    }
}

/// What the pointer is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) pane: Pane,
    /// Which line inside the border, counted from the top.
    pub(super) line: usize,
    /// Which column inside the border, counted from the left.
    pub(super) column: usize,
    /// How many lines there are inside the border.
    pub(super) rows: usize,
    /// How many columns.
    pub(super) columns: usize,
}

/// The pane under a column and a row of the screen, or the one whose name is.
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

/// How a pane is named in the line that names those not shown.
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

/// How many lines of text a dialog shows.
pub(super) fn dialog_rows(size: (u16, u16)) -> usize {
    usize::from(size.1.saturating_sub(8)).max(1)
}

/// How many versions the picker shows: a dialog's lines without the picker's own.
pub(super) fn picker_rows(size: (u16, u16)) -> usize {
    dialog_rows(size).saturating_sub(9).max(1)
}

/// The rows of a list of `count` that are in view, the one under the cursor among them.
pub(super) fn window(row: usize, count: usize, height: usize) -> std::ops::Range<usize> {
    let top = row
        .saturating_sub(height / 2)
        .min(count.saturating_sub(height));
    top..(top + height).min(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(size: (u16, u16)) -> impl Iterator<Item = Shape> {
        Pane::ALL.into_iter().flat_map(move |focus| {
            [(false, false), (false, true), (true, false), (true, true)].map(
                |(zoomed, log_hidden)| Shape {
                    size,
                    focus,
                    zoomed,
                    log_hidden: log_hidden && focus != Pane::Logs,
                },
            )
        })
    }

    #[test]
    fn nothing_overlaps_and_the_ladder_is_always_there() {
        let edges = [60, 83, 84, 117, 118, 119, 300, 400];
        for width in edges.into_iter().chain((61..300).step_by(37)) {
            for height in [16, 19, 20, 24, 27, 28, 33, 34, 35, 50, 80, 119] {
                for shape in shapes((width, height)) {
                    let Arrangement::Panes(places) = arrange(shape) else {
                        panic!("{width}x{height} has room for panes");
                    };
                    assert!(places.ladder.height >= 1);
                    assert!(places.pane(shape.focus).is_some(), "{shape:?}");
                    assert_eq!(places.header.height, 1);
                    assert_eq!(places.footer.height, 1);
                    if shape.zoomed {
                        assert_eq!(places.panes.len(), 1);
                    }
                    if shape.log_hidden {
                        assert!(places.pane(Pane::Logs).is_none(), "{shape:?}");
                    }
                    let mut all: Vec<Rect> = places.panes.iter().map(|(_, r)| *r).collect();
                    assert!(all.iter().all(|r| r.height >= 3), "{shape:?} {all:?}");
                    all.extend([places.header, places.ladder, places.footer]);
                    all.extend(places.tabs);
                    let cells: u32 = all.iter().map(|r| r.area()).sum();
                    assert_eq!(cells, u32::from(width) * u32::from(height));
                }
            }
        }
    }

    #[test]
    fn a_large_screen_is_used() {
        let shape = Shape {
            size: (300, 80),
            focus: Pane::Environments,
            zoomed: false,
            log_hidden: false,
        };
        let Arrangement::Panes(places) = arrange(shape) else {
            panic!("there is room for panes");
        };
        let place = |pane| places.pane(pane).expect("all panes are shown");
        assert!(place(Pane::Environments).width >= 90);
        assert!(place(Pane::Environments).height >= 22);
        assert!(place(Pane::Logs).height >= 30);
    }
}
