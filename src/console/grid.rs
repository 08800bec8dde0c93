//! The columns of the matrix: which environments fit on the screen, how wide each column is, and which
//! environment is at a given column. Drawing and the mouse both use this geometry.

use std::ops::Range;

use super::model::Model;

/// The largest width of an environment's column for its name and its versions. One blank is added, and then either the
/// text of the state or spare columns.
const COLUMN_MOST: usize = 24;
/// No column is shrunk below this width, which holds a short version and its glyph. A column with very short names may
/// be narrower.
const COLUMN_LEAST: usize = 7;
/// The smallest and the largest width of the state's text, which follows the glyph of a cell.
const STATE_WIDTHS: (usize, usize) = (12, 24);

/// The layout of the matrix in columns.
pub(super) struct Grid {
    /// The width of the column with the names of the services.
    pub(super) service_width: usize,
    /// The environments that are shown, as indexes into `Model::world.environments`.
    pub(super) range: Range<usize>,
    /// The width of each environment in `range`.
    pub(super) widths: Vec<usize>,
    /// The width of the state's text after a cell's glyph. 0 if there is no room for text.
    pub(super) state_width: usize,
}

impl Grid {
    /// The index of the environment at a column of the pane. `None` if no environment is drawn there.
    pub(super) fn environment_at(&self, column: usize) -> Option<usize> {
        let mut ends = self.service_width;
        let from = column.checked_sub(self.service_width)?;
        self.range
            .clone()
            .zip(&self.widths)
            .find_map(|(index, wide)| {
                ends += wide;
                (from + self.service_width < ends).then_some(index)
            })
    }
}

/// The number of rows for services, if the pane has `rows` rows and not all services fit. The rows below the services
/// show a note on the cell under the cursor and the legend of states.
pub(super) fn list_rows(rows: usize) -> usize {
    let note_rows = (rows / 5 + 1).min(rows.saturating_sub(4));
    rows.saturating_sub(1 + note_rows)
}

/// Lays out the matrix in `room` columns.
pub(super) fn grid(model: &Model, room: usize) -> Grid {
    let names = model.services.shown.iter().map(|name| name.as_str().len());
    let service_width = (names.max().unwrap_or(0).max(7) + 2).min((room / 2).max(4));
    let (range, mut widths) = columns_in(model, room.saturating_sub(service_width));
    let spare =
        room.saturating_sub(service_width + widths.iter().sum::<usize>()) / widths.len().max(1);
    let state_width = if spare >= STATE_WIDTHS.0 {
        spare.min(STATE_WIDTHS.1)
    } else {
        0
    };
    for wide in &mut widths {
        // Without text, each column gets at most three spare columns: wider columns would look empty.
        *wide += if state_width > 0 {
            state_width
        } else {
            spare.min(3)
        };
    }
    Grid {
        service_width,
        range,
        widths,
        state_width,
    }
}

/// The environments that are shown, and the width of each. A column is as wide as the name of the environment and the
/// names of its live versions. If there is not enough room, the widest columns shrink first. The column of the cursor
/// is always shown.
fn columns_in(model: &Model, room: usize) -> (Range<usize>, Vec<usize>) {
    let environments = &model.world.environments;
    // Scrolls only as far as needed: the cursor's column is then the last column shown.
    let fitting = (room / COLUMN_LEAST).clamp(1, environments.len().max(1));
    let cursor = model.cursor.as_ref().and_then(|cursor| {
        let mut names = environments.iter().map(|(name, _)| name);
        names.position(|name| *name == cursor.environment)
    });
    let from = cursor
        .unwrap_or(0)
        .saturating_sub(fitting - 1)
        .min(environments.len().saturating_sub(fitting));
    let range = from..(from + fitting).min(environments.len());
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
