//! How the matrix lies in its pane: which environments are in view, how wide each is, and what is
//! under a place of it. Pure geometry, for whoever draws it and for whoever points at it.

use std::ops::Range;

use super::model::Model;

/// The most a column of the matrix takes for its words.
const COLUMN_MOST: usize = 24;
/// The least a column takes: a short version and its glyph.
const COLUMN_LEAST: usize = 7;
/// The least and the most columns that a cell's state takes in words, beside its glyph.
const WORDS: (usize, usize) = (12, 24);

/// How the columns of the matrix lie.
pub(super) struct Grid {
    /// The columns of the services' names.
    pub(super) first: usize,
    /// Which environments are shown.
    pub(super) range: Range<usize>,
    /// The columns of each of them.
    pub(super) widths: Vec<usize>,
    /// The columns a cell has for words behind its glyph; none where there is no room for any.
    pub(super) words: usize,
}

impl Grid {
    /// The environment in a column of the pane, counted from its left; none left of all of them.
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

/// How many services of a list that is too long are in view, in so many rows: below them is room for
/// what is said of the cursor's cell, and for the words of the states.
pub(super) fn list_rows(rows: usize) -> usize {
    let said = (rows / 5 + 1).min(rows.saturating_sub(4));
    rows.saturating_sub(1 + said)
}

/// Lays the columns out in a room.
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
        // Without words, room that is left is shared up to where columns would look lost.
        *wide += if words > 0 { words } else { spare.min(3) };
    }
    Grid {
        first,
        range,
        widths,
        words,
    }
}

/// Which columns are shown, and how wide each is: as wide as its name and its versions, as far as
/// there is room; the widest give way first. The column of the cursor stays in view.
fn columns_in(model: &Model, room: usize) -> (Range<usize>, Vec<usize>) {
    let environments = &model.world.environments;
    // The cursor's column is the last one in view, unless all before it fit with more.
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
            // A version's glyph stands behind it.
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
