//! Pane 4: what is stored about the target, as it is stored, each key with its revision.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{pane, text};
use crate::console::model::{Model, Pane, stored};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::inventory::{KeyLine, SourceState};

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, place: Rect) {
    let snapshot = model.snapshot();
    let about = match snapshot.map(|snapshot| &snapshot.sources.registry) {
        Some(SourceState::Live) => " · live".to_owned(),
        Some(SourceState::Connecting) => " · connecting".to_owned(),
        Some(SourceState::Stale { since, why, .. }) => {
            let age = text::age(text::seconds(*since, model.now));
            format!(" · stale {age}: {why}")
        }
        None => String::new(),
    };
    let inner = pane::frame(model, theme, frame, place, Pane::Registrations, &about);
    let Some(snapshot) = snapshot else { return };
    if snapshot.keys.is_empty() {
        let line = Line::from(theme.span("nothing is stored about it", Meaning::Muted));
        return pane::lines(frame, inner, [line]);
    }
    let columns = usize::from(inner.width);
    let height = usize::from(inner.height).saturating_sub(1);
    let cursor = model.row(Pane::Registrations).min(snapshot.keys.len() - 1);
    let top = pane::top(cursor, snapshot.keys.len(), height);
    // The target is in the title of the screen: its keys are told apart by what follows it.
    let target = format!("/{}/", snapshot.target);
    let wide = (columns / 4).clamp(8, 24);
    let head = format!(" {}value", text::pad("key", wide + 1, theme));
    let head = format!(
        "{}{:>9}",
        text::pad(&head, columns.saturating_sub(12), theme),
        "revision"
    );
    let mut lines = vec![Line::from(theme.span(head, Meaning::Title))];
    for (index, key) in snapshot.keys.iter().enumerate().skip(top).take(height) {
        let selected = model.focus == Pane::Registrations && index == cursor;
        let problem = snapshot.problems.contains_key(&key.key);
        let meaning = match (selected, problem) {
            (true, _) => Meaning::Selection,
            (false, true) => Meaning::Bad,
            (false, false) => Meaning::Text,
        };
        let value = stored(snapshot, key);
        let words = words(theme, key, &value, &target, (wide, columns));
        lines.push(Line::from(theme.span(words, meaning)));
    }
    pane::lines(frame, inner, lines);
    pane::dim_if_stale(theme, frame, inner, &snapshot.sources.registry);
}

fn words(
    theme: &Theme,
    key: &KeyLine,
    value: &str,
    target: &str,
    (wide, columns): (usize, usize),
) -> String {
    let name = match key.key.split_once(target) {
        Some((_, rest)) => format!("{}/{rest}", theme.glyph(Glyph::More)),
        None => key.key.clone(),
    };
    let lease = key
        .ttl_seconds
        .map_or(String::new(), |ttl| format!(", lease {ttl}s"));
    let value = format!("{}{lease}", text::clean(value));
    let room = columns.saturating_sub(wide + 2 + 12);
    format!(
        " {} {} {:>8}  ",
        text::pad(&name, wide, theme),
        text::pad(&value, room, theme),
        key.revision
    )
}
