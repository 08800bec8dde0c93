//! All that is known about one push.

use jiff::Timestamp;
use ratatui::text::Line;

use super::{QueueDialog, list};
use crate::console::model::Model;
use crate::console::sheet::Sheet;
use crate::console::theme::{Meaning, Theme};
use crate::console::view::{queue_words, text};
use crate::inventory::{EntryState, QueueEntry, local_time};
use crate::sanitize::sanitize;

/// The width of the column with the names.
const NAME_COLUMNS: usize = 12;

pub(super) fn sheet(dialog: &QueueDialog, model: &Model, theme: &Theme, columns: usize) -> Sheet {
    let Some(entry) = dialog.shown(model) else {
        let mut sheet = Sheet::new(format!("Push for {}", dialog.target));
        sheet.say(
            theme,
            "the push has left the queue",
            columns,
            Meaning::Muted,
        );
        sheet.keys(theme, &[("Esc", "back to the list")]);
        return sheet;
    };
    let mut sheet = Sheet::new(format!("Push of {} for {}", entry.push.tag, dialog.target));
    sheet.grows = true;
    let (glyph, meaning) = queue_words::look(entry.state.kind());
    let state = format!(
        "{} {} since {}",
        theme.glyph(glyph),
        entry.state.kind(),
        moment(entry.changed_at, model.now)
    );
    sheet.head.push(Line::from(theme.span(state, meaning)));
    for (name, value) in values(entry, model.now) {
        let line = format!("{name:<NAME_COLUMNS$}{}", sanitize(&value));
        let lines = text::wrap(&line, columns, NAME_COLUMNS);
        let lines = lines
            .into_iter()
            .map(|line| Line::from(theme.span(line, Meaning::Text)));
        sheet.body.extend(lines);
    }
    let release = entry.state.release().map(|_| ("Enter", "show release"));
    let mut keys: Vec<(&str, &str)> = release.into_iter().collect();
    keys.extend(list::change_key(entry));
    keys.push(("Esc", "back to the list"));
    sheet.keys(theme, &keys);
    sheet
}

/// The names and the values of everything that is known. Not sanitized.
fn values(entry: &QueueEntry, now: Timestamp) -> Vec<(&'static str, String)> {
    let push = &entry.push;
    let why = match &entry.state {
        // The release has its own line.
        EntryState::RollingOut { .. } | EntryState::Done { release: Some(_) } => None,
        EntryState::Failed { why, .. } => Some(why.clone()),
        state => state.details(),
    };
    let agent = match &entry.state {
        EntryState::RollingOut { agent, .. } => Some(agent.clone()),
        _ => None,
    };
    let claimed = push.digest.as_ref();
    let claimed = claimed.map(|digest| format!("{digest}, as the sender says"));
    let version = entry.version.as_ref();
    let version = version.map(|it| format!("{} {}", it.name(), it.digest));
    let by = push
        .by
        .as_ref()
        .map(|by| format!("{by}, as the sender says"));
    let release = entry.state.release();
    let retried = entry.retried.as_ref();
    let retried = retried.map(|retry| format!("by {}, {}", retry.by, moment(retry.at, now)));
    let values = [
        ("why", why),
        ("release", release.map(|release| release.to_string())),
        ("agent", agent),
        ("tag", Some(push.tag.clone())),
        ("repository", Some(push.repository.clone())),
        ("version", version),
        ("digest", claimed),
        ("from", Some(push.source.to_string())),
        ("by", by),
        ("received", Some(moment(push.received_at, now))),
        ("delivery", Some(push.delivery.clone())),
        ("retried", retried),
        ("entry", Some(entry.id.to_string())),
    ];
    let known = values.into_iter();
    known
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

/// A time with its date, and how long ago it was.
fn moment(at: Timestamp, now: Timestamp) -> String {
    let ago = text::ago(text::seconds(at, now));
    format!("{} ({ago})", local_time::moment(at))
}
