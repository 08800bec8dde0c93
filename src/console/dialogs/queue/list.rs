//! The list of the pushes for a target, newest first.

use jiff::Timestamp;
use ratatui::text::Line;

use super::{QueueDialog, entries};
use crate::console::layout::dialog_rows;
use crate::console::model::Model;
use crate::console::sheet::{Sheet, Top, wrapped};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::console::view::{pane, queue_words, text};
use crate::inventory::{QueueEntry, Snapshot, StoredKey};
use crate::release::describe::NO_AGENT;
use crate::sanitize::sanitize;

/// How many rows a key for a page moves the cursor.
pub(super) const PAGE: usize = 10;
/// The lines below the list, which repeat the text of the entry under the cursor.
const DETAIL_LINES: usize = 2;
const STATE_COLUMNS: usize = 13;

pub(super) fn sheet(dialog: &QueueDialog, model: &Model, theme: &Theme, columns: usize) -> Sheet {
    let entries = entries(model, &dialog.target);
    let pending = entries.iter().filter(|it| it.state.is_pending()).count();
    let mut sheet = Sheet::new(format!(
        "Queue of {}: {pending} pending of {}",
        dialog.target,
        entries.len()
    ));
    if let Some(snapshot) = model.world.get(&dialog.target) {
        for (message, meaning) in notes(snapshot) {
            let message = text::cut(&message, columns, theme);
            sheet.head.push(Line::from(theme.span(message, meaning)));
        }
    }
    let cursor = dialog.cursor(&entries);
    let columns_of = |text: fn(&QueueEntry, Timestamp) -> String| {
        let widths = entries.iter().map(|it| text::width(&text(it, model.now)));
        widths.max().unwrap_or(0).min((columns / 4).max(8))
    };
    let widths = (columns_of(tag), columns_of(age), columns_of(from));
    let rows = entries.iter().enumerate();
    let rows = rows.map(|(index, entry)| {
        let selected = index == cursor;
        row(model, theme, entry, (selected, widths, columns))
    });
    sheet.body.extend(rows);
    let chosen = entries.get(cursor);
    let mut details = chosen.map_or_else(Vec::new, |entry| {
        wrapped(theme, &remarks(entry), columns, Meaning::Muted)
    });
    details.resize(DETAIL_LINES, Line::default());
    sheet.foot = details;
    if entries.is_empty() {
        let message = theme.span("the queue is empty now", Meaning::Muted);
        sheet.body.push(Line::from(message));
    }
    let height = dialog_rows(model.size).saturating_sub(sheet.head.len() + DETAIL_LINES + 2);
    sheet.top = Top::At(pane::top(cursor, entries.len(), height.max(1)));
    let mut keys = vec![("j k", "choose"), ("Enter", "details")];
    keys.extend(chosen.and_then(|entry| change_key(entry)));
    keys.push(("Esc", "close"));
    sheet.keys(theme, &keys);
    sheet
}

/// The key for the change that is possible.
pub(super) fn change_key(entry: &QueueEntry) -> Option<(&'static str, &'static str)> {
    let state = &entry.state;
    if state.is_dismissable() {
        return Some(("X", "dismiss"));
    }
    state.is_retryable().then_some(("R", "retry"))
}

/// Which agents follow the target, and what may be missing in the list.
fn notes(snapshot: &Snapshot) -> Vec<(String, Meaning)> {
    let mut notes = Vec::new();
    let agents = snapshot.agents().map(|agent| {
        let since = text::time_of_day(agent.since);
        format!("{} since {since}", sanitize(&agent.operator.to_string()))
    });
    let agents: Vec<String> = agents.collect();
    if !agents.is_empty() {
        let following = format!("followed by {}", agents.join(", "));
        notes.push((following, Meaning::Muted));
    } else if snapshot.queue.iter().any(QueueEntry::needs_agent) {
        notes.push((NO_AGENT.to_owned(), Meaning::Warn));
    } else {
        notes.push((
            "no agent is running for this target".to_owned(),
            Meaning::Muted,
        ));
    }
    if !snapshot.sources.registry.is_live() {
        let message = "the store does not answer, so this list may be out of date";
        notes.push((message.to_owned(), Meaning::Stale));
    }
    let is_entry = |key: &&String| StoredKey::of(&snapshot.target, key) == StoredKey::Queue;
    match snapshot.problems.keys().filter(is_entry).count() {
        0 => {}
        count => notes.push((
            format!("entries that cannot be read: {count}; the registrations show them"),
            Meaning::Warn,
        )),
    }
    notes
}

fn tag(entry: &QueueEntry, _: Timestamp) -> String {
    sanitize(&entry.push.tag)
}

fn age(entry: &QueueEntry, now: Timestamp) -> String {
    text::ago(text::seconds(entry.push.received_at, now))
}

/// Where the push came from.
fn from(entry: &QueueEntry, _: Timestamp) -> String {
    let by = entry.push.by.as_ref();
    let by = by.map_or(String::new(), |by| format!(", by {by}"));
    sanitize(&format!("from {}{by}", entry.push.source))
}

/// One row: the state, the tag, the age, where the push came from, and the details of the state if there is room.
fn row(
    model: &Model,
    theme: &Theme,
    entry: &QueueEntry,
    (selected, (tags, ages, sources), columns): (bool, (usize, usize, usize), usize),
) -> Line<'static> {
    let kind = entry.state.kind();
    let (glyph, meaning) = queue_words::look(kind);
    let (mark, meaning, text_meaning) = if selected {
        let cursor = theme.glyph(Glyph::Cursor);
        (cursor, Meaning::Selection, Meaning::Selection)
    } else {
        (" ", meaning, Meaning::Text)
    };
    let state = format!("{} {kind}", theme.glyph(glyph));
    let state = text::pad(&state, STATE_COLUMNS, theme);
    let rest = format!(
        "  {}  {}  {}  {}",
        text::pad(&tag(entry, model.now), tags, theme),
        text::pad(&age(entry, model.now), ages, theme),
        text::pad(&from(entry, model.now), sources, theme),
        entry.state.details().unwrap_or_default(),
    );
    let mut line = Line::from(vec![
        theme.span(format!("{mark} "), Meaning::Key),
        theme.span(state, meaning),
    ]);
    let room = columns.saturating_sub(line.width());
    let rest = text::cut(rest.trim_end(), room, theme);
    line.push_span(theme.span(rest, text_meaning));
    line
}

/// What the entry waits for, or why it ended so, and who retried it.
fn remarks(entry: &QueueEntry) -> String {
    let retried = entry.retried.as_ref();
    let retried = retried.map(|retry| format!("retried by {}", retry.by));
    let remarks: Vec<String> = entry.state.details().into_iter().chain(retried).collect();
    sanitize(&remarks.join("; "))
}
