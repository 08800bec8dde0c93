//! The columns of the matrix: which environments are in view, how wide each one is, and which cell
//! is at a given column. Pure geometry, used for drawing and for the mouse.

use std::ops::Range;

use super::model::Model;

/// The most columns that an environment takes for its words.
const COLUMN_MOST: usize = 24;
/// The least columns that an environment takes: a short version and its glyph.
const COLUMN_LEAST: usize = 7;
/// The least and the most columns for the words of a cell's state, after its glyph.
const WORDS: (usize, usize) = (12, 24);

/// The layout of the matrix in columns.
pub(super) struct Grid {
    /// The columns for the names of the services.
    pub(super) first: usize,
    /// The environments in view.
    pub(super) range: Range<usize>,
    /// The columns of each environment in view.
    pub(super) widths: Vec<usize>,
    /// The columns for words after a cell's glyph; 0 if there is no room for words.
    pub(super) words: usize,
}

impl Grid {
    /// The environment at a column of the pane, counted from its left; none if it is left of all of them.
    pub(super) fn environment_at(&self, column: usize) -> Option<usize> {
        let mut ends = self.first;
        let from = column.checked_sub(self.first)?;
        self.range
            .clone()
            .zip(&self.widths)
            .find_map(|(index, wide)| {
                ends += wide;
                (from + self.first < ends).then_some(index)
            })
    }
}

/// How many services are in view when the list is longer than `rows`. The rows below them are for the
/// note on the cell under the cursor and the legend of states.
pub(super) fn list_rows(rows: usize) -> usize {
    let said = (rows / 5 + 1).min(rows.saturating_sub(4));
    rows.saturating_sub(1 + said)
}

/// Lays out the matrix in `room` columns.
pub(super) fn grid(model: &Model, room: usize) -> Grid {
    let names = model.services.shown.iter().map(|name| name.as_str().len());
    let first = (names.max().unwrap_or(0).max(7) + 2).min((room / 2).max(4));
    let (range, mut widths) = columns_in(model, room.saturating_sub(first));
    let spare = room.saturating_sub(first + widths.iter().sum::<usize>()) / widths.len().max(1);
    let words = if spare >= WORDS.0 {
        spare.min(WORDS.1)
    } else {
        0
    };
    for wide in &mut widths {
        // Without words, the columns share the spare room, but at most three each: wider looks empty.
        *wide += if words > 0 { words } else { spare.min(3) };
    }
    Grid {
        first,
        range,
        widths,
        words,
    }
}

/// Which environments are in view, and how wide each is: as wide as its name and its versions if there
/// is room. The widest shrink first. The column of the cursor stays in view.
fn columns_in(model: &Model, room: usize) -> (Range<usize>, Vec<usize>) {
    let environments = &model.world.environments;
    // The cursor's column is the last one in view, unless it fits with all columns before it.
    let shown = (room / COLUMN_LEAST).clamp(1, environments.len().max(1));
    let cursor = model.cursor.as_ref().and_then(|cursor| {
        let mut names = environments.iter().map(|(name, _)| name);
        names.position(|name| *name == cursor.environment)
    });
    let from = cursor
        .unwrap_or(0)
        .saturating_sub(shown - 1)
        .min(environments.len().saturating_sub(shown));
    let range = from..(from + shown).min(environments.len());
    let mut widths: Vec<usize> = environments[range.clone()]
        .iter()
        .zip(model.services.widest.iter().skip(from))
        .map(|((environment, _), widest)| {
            // A glyph follows each version.
            let name = environment.as_str().len();
            name.max(widest + 1).min(COLUMN_MOST) + 1
        })
        .collect();
    while widths.iter().sum::<usize>() > room {
        let Some(widest) = widths.iter_mut().max().filter(|wide| **wide > COLUMN_LEAST) else {
            break;
        };
        *widest -= 1;
    }
    (range, widths)
}
