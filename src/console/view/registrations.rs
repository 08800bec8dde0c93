//! Pane 4: the stored keys of the target as a tree, with a mark on every key that differs from the observations. The
//! time left on a lease is computed with the console's own clock, without reading the store.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{pane, text};
use crate::console::model::{KeyRow, Mark, Model, Pane, lease_left, registrations};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::inventory::{Snapshot, SourceState};

/// The columns of a revision, with a space before it.
const REVISION: usize = 9;
/// The columns of the time left on a lease.
const LEASE: usize = 6;
/// The width of the pane from which it shows revisions.
const WITH_REVISION: usize = 40;

/// The number of columns of each part of a row.
struct Columns {
    name: usize,
    value: usize,
    lease: usize,
    revision: usize,
}

impl Columns {
    fn of(room: usize, rows: &[KeyRow<'_>]) -> Self {
        let has_lease = rows
            .iter()
            .any(|row| row.line.is_some_and(|line| line.ttl_seconds.is_some()));
        let lease = if has_lease { LEASE } else { 0 };
        let revision = if room < WITH_REVISION { 0 } else { REVISION };
        let names = rows
            .iter()
            .map(|row| row.depth * 2 + text::width(&row.name));
        let name = names.max().unwrap_or(0).clamp(8, (room / 3).max(8));
        Self {
            name,
            // Four columns are for the spaces before and after the name, and for the space and the mark at the end.
            value: room.saturating_sub(name + lease + revision + 4),
            lease,
            revision,
        }
    }
}

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, place: Rect) {
    let Some(snapshot) = model.snapshot() else {
        pane::frame(model, theme, frame, place, Pane::Registrations, "");
        return;
    };
    let rows = registrations(snapshot);
    let about = about(model, snapshot, &rows);
    let inner = pane::frame(model, theme, frame, place, Pane::Registrations, &about);
    if rows.is_empty() {
        let line = Line::from(theme.span(why_no_rows(snapshot), Meaning::Muted));
        return pane::lines(frame, inner, [line]);
    }
    let columns = Columns::of(usize::from(inner.width), &rows);
    let height = usize::from(inner.height).saturating_sub(1);
    let cursor = model.row(Pane::Registrations).min(rows.len() - 1);
    let top = pane::top(cursor, rows.len(), height);
    let mut lines = vec![head(theme, &columns)];
    for (index, row) in rows.iter().enumerate().skip(top).take(height) {
        let selected = model.focus == Pane::Registrations && index == cursor;
        lines.push(line(model, snapshot, theme, row, (&columns, selected)));
    }
    pane::lines(frame, inner, lines);
    pane::dim_if_stale(theme, frame, inner, &snapshot.sources.registry);
}

fn why_no_rows(snapshot: &Snapshot) -> &'static str {
    match snapshot.sources.registry {
        SourceState::Connecting => "the store has not been read yet",
        SourceState::Unreachable { .. } => "unknown: the store has not answered",
        SourceState::Live | SourceState::Stale { .. } => {
            "the store has no key to show for this target"
        }
    }
}

/// How current the data is, how many keys there are, and how many rows need an operator.
fn about(model: &Model, snapshot: &Snapshot, rows: &[KeyRow<'_>]) -> String {
    let mut about = match &snapshot.sources.registry {
        SourceState::Live => " · live".to_owned(),
        SourceState::Connecting => " · connecting".to_owned(),
        SourceState::Stale { since, why, .. } => {
            let age = text::age(text::seconds(*since, model.now));
            format!(" · stale {age}: {why}")
        }
        SourceState::Unreachable { why, .. } => format!(" · no answer: {why}"),
    };
    // The keys of watching consoles have no rows, so they are not counted.
    let keys = rows.iter().filter(|row| row.line.is_some()).count();
    if keys > 0 {
        let many = if keys == 1 { "key" } else { "keys" };
        let keys = text::count(u64::try_from(keys).unwrap_or(u64::MAX));
        about = format!("{about} · {keys} {many}");
    }
    let wrong = rows.iter().filter(|row| row.mark.is_wrong()).count();
    if wrong > 0 {
        about = format!("{about} · {wrong} wrong");
    }
    about
}

fn head<'a>(theme: &Theme, columns: &Columns) -> Line<'a> {
    let lease = if columns.lease > 0 { "lease" } else { "" };
    let revision = if columns.revision > 0 { "revision" } else { "" };
    let row_text = format!(
        " {} {}{lease:>lease_room$}{revision:>revision_room$}",
        text::pad("key", columns.name, theme),
        text::pad("value", columns.value, theme),
        lease_room = columns.lease,
        revision_room = columns.revision,
    );
    Line::from(theme.span(row_text, Meaning::Title))
}

fn line<'a>(
    model: &Model,
    snapshot: &Snapshot,
    theme: &Theme,
    row: &KeyRow<'_>,
    (columns, selected): (&Columns, bool),
) -> Line<'a> {
    let (glyph, meaning) = look(&row.mark);
    let name = format!("{}{}", "  ".repeat(row.depth), row.name);
    let lease = row
        .line
        .and_then(|line| lease_left(snapshot, line.ttl_seconds, model.now));
    let lease = lease.map_or(String::new(), |left| format!("{left}s"));
    let revision = row
        .line
        .filter(|_| columns.revision > 0)
        .map_or(String::new(), |line| line.revision.to_string());
    let row_text = format!(
        " {} {}{lease:>lease_room$}{revision:>revision_room$}",
        text::pad(&name, columns.name, theme),
        text::pad(&value(row), columns.value, theme),
        lease_room = columns.lease,
        revision_room = columns.revision,
    );
    let text_meaning = match (selected, &row.mark) {
        (true, _) => Meaning::Selection,
        (false, Mark::NotCompared | Mark::Agrees) => Meaning::Text,
        (false, _) => meaning,
    };
    let mark = glyph.map_or(" ", |glyph| theme.glyph(glyph));
    Line::from(vec![
        theme.span(row_text, text_meaning),
        Span::raw(" "),
        theme.span(mark, meaning),
    ])
}

/// The text in the column of values: the problem with the key, if there is one, otherwise the value.
fn value(row: &KeyRow<'_>) -> String {
    match &row.mark {
        Mark::Differs(differences) => format!("differs: {}", differences.join("; ")),
        Mark::Missing(why) => format!("missing: {why}"),
        Mark::Unreadable(why) => format!("unreadable: {why}"),
        Mark::Foreign(_) => format!("unknown key: {}", row.value),
        Mark::NotCompared | Mark::Agrees => row.value.clone(),
    }
}

/// The glyph and meaning of a mark. The row shows the text of the mark.
fn look(mark: &Mark) -> (Option<Glyph>, Meaning) {
    match mark {
        Mark::NotCompared => (None, Meaning::Text),
        Mark::Agrees => (Some(Glyph::Tick), Meaning::Ok),
        Mark::Differs(_) | Mark::Missing(_) => (Some(Glyph::Differs), Meaning::Bad),
        Mark::Unreadable(_) => (Some(Glyph::Cross), Meaning::Bad),
        Mark::Foreign(_) => (Some(Glyph::Unknown), Meaning::Muted),
    }
}
