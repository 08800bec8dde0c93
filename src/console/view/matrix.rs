//! Pane 1: services × environments, each cell what is observed there.

use std::ops::Range;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{header, pane, text};
use crate::console::model::{CellState, Model, Pane, cell_state};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::inventory::{ServiceName, Target};

/// The most a column of the matrix takes for its words.
const COLUMN_MOST: usize = 24;
/// The least a column takes: a short version and its glyph.
const COLUMN_LEAST: usize = 7;

/// Glyph, word and meaning of a cell's state.
pub(super) fn look(state: CellState) -> (Glyph, &'static str, Meaning) {
    match state {
        CellState::Absent => (Glyph::None, "no target here", Meaning::Muted),
        CellState::Unknown => (Glyph::Unknown, "unknown", Meaning::Stale),
        CellState::Empty => (Glyph::Dot, "empty", Meaning::Muted),
        CellState::Failed => (Glyph::Cross, "failed", Meaning::Bad),
        CellState::Waiting => (Glyph::Hand, "waits", Meaning::Warn),
        CellState::Releasing => (Glyph::Half, "releasing", Meaning::Busy),
        CellState::Drifted => (Glyph::Differs, "drifted", Meaning::Bad),
        CellState::Held => (Glyph::Held, "held", Meaning::Warn),
        CellState::Healthy => (Glyph::Full, "healthy", Meaning::Ok),
    }
}

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, place: Rect) {
    let inner = pane::frame(model, theme, frame, place, Pane::Environments, "");
    let columns = model.world.environments.len();
    if columns == 0 {
        let line = Line::from(theme.span("nothing observed yet", Meaning::Muted));
        return pane::lines(frame, inner, [line]);
    }
    let room = usize::from(inner.width);
    let names = model.world.services.iter().map(|name| name.as_str().len());
    let first = (names.max().unwrap_or(0).max(7) + 2).min((room / 2).max(4));
    let (range, widths) = columns_in(model, room.saturating_sub(first));

    let mut lines = vec![heads(model, theme, first, &widths, range.clone())];
    let legend_rows = 2.min(usize::from(inner.height.saturating_sub(4)));
    let height = usize::from(inner.height).saturating_sub(1 + legend_rows);
    let cursor_row = model.cursor.map_or(0, |(row, _)| row);
    let top = pane::top(cursor_row, model.world.services.len(), height);
    let services = model.world.services.iter().enumerate();
    for (row, service) in services.skip(top).take(height) {
        lines.push(cells(
            model,
            theme,
            (row, service),
            first,
            &widths,
            range.clone(),
        ));
    }
    pane::lines(frame, inner, lines);
    let below = Rect {
        y: inner
            .bottom()
            .saturating_sub(u16::try_from(legend_rows).unwrap_or(0)),
        height: u16::try_from(legend_rows).unwrap_or(0),
        ..inner
    };
    pane::lines(frame, below, legend(model, theme, room));
}

/// Which columns are shown, and how wide each is: as wide as its name and its versions, as far as
/// there is room; the widest give way first. The column of the cursor stays in view.
fn columns_in(model: &Model, room: usize) -> (Range<usize>, Vec<usize>) {
    let environments = &model.world.environments;
    // The cursor's column is the last one in view, unless all before it fit with more.
    let shown = (room / COLUMN_LEAST).clamp(1, environments.len().max(1));
    let cursor = model.cursor.map_or(0, |(_, column)| column);
    let from = cursor
        .saturating_sub(shown - 1)
        .min(environments.len().saturating_sub(shown));
    let range = from..(from + shown).min(environments.len());
    let mut widths: Vec<usize> = environments[range.clone()]
        .iter()
        .map(|(environment, _)| {
            let versions = model.world.services.iter().filter_map(|service| {
                let target = Target::new(service.clone(), environment.clone());
                let instance = model.world.get(&target)?.live_instance()?;
                // Its glyph stands behind it.
                Some(text::width(instance.version_name()) + 1)
            });
            let name = text::width(environment.as_str());
            versions.fold(name, usize::max).min(COLUMN_MOST) + 1
        })
        .collect();
    while widths.iter().sum::<usize>() > room {
        let Some(widest) = widths.iter_mut().max().filter(|wide| **wide > COLUMN_LEAST) else {
            break;
        };
        *widest -= 1;
    }
    // Room that is left is shared, up to where columns would look lost.
    let spare = room.saturating_sub(widths.iter().sum()) / widths.len().max(1);
    for wide in &mut widths {
        *wide += spare.min(3);
    }
    (range, widths)
}

fn heads<'a>(
    model: &Model,
    theme: &Theme,
    first: usize,
    widths: &[usize],
    range: Range<usize>,
) -> Line<'a> {
    let mut line = Line::from(theme.span(text::pad(" service", first, theme), Meaning::Title));
    for ((name, tier), &column) in model.world.environments[range].iter().zip(widths) {
        let name = text::cut(name.as_str(), column.saturating_sub(1), theme);
        let gap = column.saturating_sub(text::width(&name));
        line.push_span(theme.span(name, header::tier_meaning(*tier)));
        line.push_span(Span::raw(" ".repeat(gap)));
    }
    line
}

fn cells<'a>(
    model: &Model,
    theme: &Theme,
    (row, service): (usize, &ServiceName),
    first: usize,
    widths: &[usize],
    range: Range<usize>,
) -> Line<'a> {
    let here = model.cursor.is_some_and(|(at, _)| at == row);
    let mark = if here {
        theme.glyph(Glyph::Cursor)
    } else {
        " "
    };
    let name = text::pad(&format!("{mark}{service}"), first, theme);
    let mut line = Line::from(theme.span(name, Meaning::Text));
    for (index, &column) in range.zip(widths) {
        let Some((environment, _)) = model.world.environments.get(index) else {
            continue;
        };
        let target = Target::new(service.clone(), environment.clone());
        let snapshot = model.world.get(&target);
        let release = model
            .releases
            .get(&target)
            .filter(|status| model.in_flight().any(|flying| flying == *status));
        let state = cell_state(snapshot, release.map(AsRef::as_ref), model.now);
        let (glyph, _, meaning) = look(state);
        let version = snapshot
            .and_then(|snapshot| snapshot.live_instance())
            .map_or("", |instance| instance.version_name());
        let words = text::cut(version, column.saturating_sub(2), theme);
        let wide = text::width(&words);
        let selected = model.cursor == Some((row, index));
        let open = model.open.as_ref() == Some(&target);
        let text_meaning = match (selected, open) {
            (true, _) => Meaning::Selection,
            (false, true) => Meaning::Title,
            (false, false) => Meaning::Text,
        };
        line.push_span(theme.span(words, text_meaning));
        let glyph_meaning = if selected {
            Meaning::Selection
        } else {
            meaning
        };
        line.push_span(theme.span(theme.glyph(glyph), glyph_meaning));
        line.push_span(Span::raw(" ".repeat(column.saturating_sub(wide + 1))));
    }
    line
}

/// The words of the states that are on the screen, and what the cell under the cursor says.
fn legend<'a>(model: &Model, theme: &Theme, room: usize) -> Vec<Line<'a>> {
    let under = model.cursor.and_then(|(row, column)| {
        let service = model.world.services.get(row)?;
        let (environment, _) = model.world.environments.get(column)?;
        let target = Target::new(service.clone(), environment.clone());
        let release = model
            .in_flight()
            .find(|status| *status.plan.target() == target);
        let snapshot = model.world.get(&target);
        let state = cell_state(snapshot, release.map(AsRef::as_ref), model.now);
        Some((target, state, snapshot))
    });
    let mut lines = Vec::new();
    if let Some((target, state, snapshot)) = under {
        let (glyph, word, meaning) = look(state);
        let mut words = format!("{target}: {word}");
        if let Some(hold) = snapshot.and_then(|snapshot| snapshot.hold.as_ref())
            && hold.stands(model.now)
        {
            let until = hold.until.map_or("cleared".into(), text::time_of_day);
            words = format!("{words} \"{}\" until {until}", text::clean(&hold.reason));
        }
        lines.push(Line::from(vec![
            theme.span(format!("{} ", theme.glyph(glyph)), meaning),
            theme.span(
                text::cut(&words, room.saturating_sub(2), theme),
                Meaning::Muted,
            ),
        ]));
    }
    let words: Vec<String> = [CellState::Healthy, CellState::Releasing, CellState::Failed]
        .into_iter()
        .map(|state| {
            let (glyph, word, _) = look(state);
            format!("{} {word}", theme.glyph(glyph))
        })
        .collect();
    let words = text::cut(&words.join("  "), room, theme);
    lines.push(Line::from(theme.span(words, Meaning::Muted)));
    lines
}
