//! Pane 1: services × environments. Each cell shows the live version and the state of a target.

use std::collections::BTreeSet;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{header, pane, progress_words, queue_words, text};
use crate::console::grid::{Grid, grid, list_rows};
use crate::console::model::{
    CellState, Model, Order, Pane, cell, matched_range, standby, unfinished_release,
};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::inventory::{Hold, LockRecord, ServiceName, Snapshot, SourceState, Target};

/// The glyph, word and meaning of a cell's state.
pub(super) fn look(state: CellState) -> (Glyph, &'static str, Meaning) {
    match state {
        CellState::Absent => (Glyph::None, "no target", Meaning::Muted),
        CellState::Unknown => (Glyph::Unknown, "unknown", Meaning::Stale),
        CellState::Empty => (Glyph::Dot, "empty", Meaning::Muted),
        CellState::Failed => (Glyph::Cross, "failed", Meaning::Bad),
        CellState::Waiting => (Glyph::Hand, "waiting", Meaning::Warn),
        CellState::Releasing => (Glyph::Half, "releasing", Meaning::Busy),
        CellState::Interrupted => (Glyph::Hand, "interrupted", Meaning::Warn),
        CellState::Drifted => (Glyph::Differs, "drifted", Meaning::Bad),
        CellState::PushFailed => (Glyph::Back, "push failed", Meaning::Warn),
        CellState::Held => (Glyph::Held, "held", Meaning::Warn),
        CellState::Queued => (Glyph::Pushed, "queued", Meaning::Busy),
        CellState::Healthy => (Glyph::Full, "healthy", Meaning::Ok),
    }
}

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, place: Rect) {
    let about = about(model, usize::from(place.width));
    let inner = pane::frame(model, theme, frame, place, Pane::Environments, &about);
    if model.world.environments.is_empty() {
        let line = Line::from(theme.span("nothing observed yet", Meaning::Muted));
        return pane::lines(frame, inner, [line]);
    }
    let shown = &model.services.shown;
    let grid = grid(model, usize::from(inner.width));
    let mut note = note(model, theme, inner.width.into());
    // In a low pane, most rows are for the list.
    note.truncate(usize::from(inner.height / 5));
    let legend_rows = (note.len() + 1).min(usize::from(inner.height.saturating_sub(4)));
    // A list with more services than `least` always has `least` rows. So the list does not move when the note below the
    // list changes, and a click hits the row that the operator saw.
    let least = list_rows(inner.height.into());
    let height = if shown.len() > least {
        least
    } else {
        usize::from(inner.height).saturating_sub(1 + legend_rows)
    };
    let cursor = model.cursor.as_ref();
    let row = cursor.and_then(|cursor| model.services.row(&cursor.service));
    let top = pane::top(row.unwrap_or(0), shown.len(), height);

    let mut lines = vec![heads(model, theme, &grid)];
    let mut states = BTreeSet::new();
    for service in shown.iter().skip(top).take(height) {
        lines.push(cells(model, theme, service, &grid, &mut states));
    }
    if shown.is_empty() {
        let message = format!(
            " no service matches {:?}: Esc shows all",
            model.services.filter
        );
        let message = text::cut(&message, usize::from(inner.width), theme);
        lines.push(Line::from(theme.span(message, Meaning::Warn)));
    }
    pane::lines(frame, inner, lines);
    let below = Rect {
        y: inner
            .bottom()
            .saturating_sub(u16::try_from(legend_rows).unwrap_or(0)),
        height: u16::try_from(legend_rows).unwrap_or(0),
        ..inner
    };
    note.push(legend(theme, &states, inner.width.into()));
    pane::lines(frame, below, note);
}

/// The text of the title: how much of the list is shown, and in which order.
fn about(model: &Model, wide: usize) -> String {
    let services = &model.services;
    let mut parts = Vec::new();
    if !services.filter.is_empty() {
        let (visible, total) = (services.shown.len(), model.world.services.len());
        parts.push(format!("{visible} of {total}"));
    }
    if services.order != Order::default() {
        parts.push(services.order.label().to_owned());
    }
    let separator = if wide < 50 { " " } else { " · " };
    parts.iter().fold(String::new(), |about, part| {
        format!("{about}{separator}{part}")
    })
}

fn heads<'a>(model: &Model, theme: &Theme, grid: &Grid) -> Line<'a> {
    let first = text::pad(" service", grid.service_width, theme);
    let mut line = Line::from(theme.span(first, Meaning::Title));
    let environments = &model.world.environments[grid.range.clone()];
    for ((name, tier), &column) in environments.iter().zip(&grid.widths) {
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
    service: &ServiceName,
    grid: &Grid,
    states: &mut BTreeSet<CellState>,
) -> Line<'a> {
    let cursor = model.cursor.as_ref();
    let is_current = cursor.is_some_and(|cursor| cursor.service == *service);
    let mut line = name(model, theme, service, is_current, grid.service_width);
    let environments = &model.world.environments[grid.range.clone()];
    for ((environment, _), &column) in environments.iter().zip(&grid.widths) {
        let target = Target::new(service.clone(), environment.clone());
        let state = cell(model, &target);
        states.insert(state);
        let (glyph, word, meaning) = look(state);
        let running = model.world.get(&target).and_then(Snapshot::live_instance);
        let version = running.map_or("", |instance| instance.version_name());
        let label = text::cut(version, column.saturating_sub(2 + grid.state_width), theme);
        let selected = cursor == Some(&target);
        let open = model.open.as_ref() == Some(&target);
        let text_meaning = match (selected, open) {
            (true, _) => Meaning::Selection,
            (false, true) => Meaning::Title,
            (false, false) => Meaning::Text,
        };
        let mut used = text::width(&label) + 1;
        line.push_span(theme.span(label, text_meaning));
        let glyph_meaning = if selected {
            Meaning::Selection
        } else {
            meaning
        };
        line.push_span(theme.span(theme.glyph(glyph), glyph_meaning));
        if grid.state_width > 0 {
            let remark = match unfinished_release(model, &target) {
                Some(status) => progress_words::summary(status),
                None => word.to_owned(),
            };
            let remark = text::cut(&remark, grid.state_width.saturating_sub(2), theme);
            used += 1 + text::width(&remark);
            line.push_span(theme.span(format!(" {remark}"), meaning));
        }
        line.push_span(Span::raw(" ".repeat(column.saturating_sub(used))));
    }
    line
}

/// The name of a service with the filter's match marked.
fn name<'a>(
    model: &Model,
    theme: &Theme,
    service: &ServiceName,
    is_current: bool,
    columns: usize,
) -> Line<'a> {
    let mark = if is_current {
        theme.glyph(Glyph::Cursor)
    } else {
        " "
    };
    let name = text::pad(service.as_str(), columns.saturating_sub(1), theme);
    let found = matched_range(service, &model.services.filter).unwrap_or(0..0);
    let mut line = Line::from(theme.span(mark, Meaning::Text));
    // If the name was cut, its match may be cut off.
    let pieces = [
        (name.get(..found.start), Meaning::Text),
        (name.get(found.clone()), Meaning::Match),
        (name.get(found.end..), Meaning::Text),
    ];
    if pieces.iter().any(|(piece, _)| piece.is_none()) {
        line.push_span(theme.span(name, Meaning::Text));
        return line;
    }
    for (piece, meaning) in pieces {
        let piece = piece.unwrap_or_default();
        if !piece.is_empty() {
            line.push_span(theme.span(piece.to_owned(), meaning));
        }
    }
    line
}

/// The note on the cell under the cursor, in one or two lines.
fn note<'a>(model: &Model, theme: &Theme, room: usize) -> Vec<Line<'a>> {
    let shown = |target: &&Target| model.services.row(&target.service).is_some();
    let Some(target) = model.cursor.as_ref().filter(shown) else {
        return Vec::new();
    };
    let state = cell(model, target);
    let (glyph, word, meaning) = look(state);
    let snapshot = model.world.get(target);
    let silent = snapshot.and_then(|snapshot| {
        let mut sources = snapshot.sources.named().into_iter();
        sources.find(|(_, source)| !source.is_live())
    });
    let word = match silent {
        Some((name, SourceState::Connecting)) if state == CellState::Unknown => {
            format!("{word}, the {name} has not answered yet")
        }
        Some((name, _)) if state == CellState::Unknown => {
            format!("{word}, the {name} does not answer")
        }
        _ => word.to_owned(),
    };
    let outage = snapshot.and_then(Snapshot::outage);
    let is_outage = outage.is_some();
    let word = outage.unwrap_or(word);
    let lock = snapshot.and_then(|s| s.lock.as_ref());
    let warm = standby(model, target);
    let mut message = match (unfinished_release(model, target), lock) {
        (Some(status), _) if is_outage => {
            format!("{target}: {word}; {}", progress_words::summary(status))
        }
        (Some(status), _) => format!("{target}: {}", progress_words::summary(status)),
        (None, Some(lock)) if warm.is_none() => {
            let LockRecord {
                operator, message, ..
            } = &lock.record;
            format!("{target}: {word}, locked by {operator}: {message}")
        }
        _ => format!("{target}: {word}"),
    };
    // The note already says "held" if that is the state of the cell.
    let says_held =
        state == CellState::Held && !is_outage && unfinished_release(model, target).is_none();
    if let Some(until) = warm {
        let left = until.map_or(String::new(), |until| {
            format!(" {}", text::clock(text::seconds(model.now, until)))
        });
        message = format!("{message}, standby{left}");
    }
    if let Some(hold) = held(model, target) {
        let until = match hold.until {
            Some(until) => format!("until {}", text::until(until, model.now)),
            None => "until it is cleared".to_owned(),
        };
        let held = if says_held { "" } else { ", held" };
        let by = snapshot.and_then(|it| it.only_by_clock(&hold, model.now));
        let by = by.map_or("", |_| " (not active by this machine's clock)");
        message = format!(
            "{message}{held} {until}{by}, \"{}\" by {}",
            hold.reason, hold.author
        );
    }
    if let Some(entry) = snapshot.and_then(Snapshot::notable_push) {
        let (tag, state) = (&entry.push.tag, queue_words::state(model, entry));
        message = format!("{message}; {tag} {state}");
    }
    let columns = room.saturating_sub(2);
    let wrapped = text::wrap(&message, columns, 0);
    let second = wrapped.get(1..).unwrap_or_default().join(" ");
    let note_lines = [
        wrapped.first().cloned(),
        Some(text::cut(&second, columns, theme)),
    ];
    let mut lines: Vec<Line<'a>> = Vec::new();
    let note_lines = note_lines
        .into_iter()
        .flatten()
        .filter(|message| !message.is_empty());
    for (index, message) in note_lines.enumerate() {
        let mark = if index == 0 { theme.glyph(glyph) } else { " " };
        lines.push(Line::from(vec![
            theme.span(format!("{mark} "), meaning),
            theme.span(message, Meaning::Muted),
        ]));
    }
    lines
}

/// Explains the glyphs on the screen, the most urgent first, as far as there is room.
fn legend<'a>(theme: &Theme, states: &BTreeSet<CellState>, room: usize) -> Line<'a> {
    let mut text = String::new();
    for state in states {
        let (glyph, word, _) = look(*state);
        let more = format!("{} {word}", theme.glyph(glyph));
        if text::width(&text) + text::width(&more) > room {
            break;
        }
        text.push_str(&more);
        text.push_str("  ");
    }
    Line::from(theme.span(text, Meaning::Muted))
}

fn held(model: &Model, target: &Target) -> Option<Hold> {
    let holds = model.world.get(target)?.holds(model.now);
    holds.into_iter().next()
}
