//! The last line of the screen: the open prompt, otherwise the notice, otherwise the available keys. While a dialog is
//! open, the line shows no keys, because the dialog names its own keys.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{pane, text};
use crate::console::action::{Action, Scope};
use crate::console::keymap::Bound;
use crate::console::model::{Model, Pane, Prompt, Weight, is_available};
use crate::console::theme::{Meaning, Theme};
use crate::inventory::Snapshot;

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, place: Rect) {
    let room = usize::from(place.width);
    if let Some(prompt) = &model.prompt {
        return self::prompt(prompt, theme, frame, place);
    }
    if let Some(notice) = &model.notice {
        let meaning = match notice.weight {
            Weight::Normal => Meaning::Notice,
            Weight::Prominent => Meaning::Warn,
        };
        let message = text::cut(&notice.text, room.saturating_sub(2), theme);
        let line = Line::from(vec![Span::raw(" "), theme.span(message, meaning)]);
        return pane::lines(frame, place, [line]);
    }
    if model.dialog.is_some() {
        return;
    }
    let (always, mut rest): (Vec<&Bound>, Vec<&Bound>) = model
        .keymap
        .lines()
        .filter(|bound| is_named(model, bound) && !bound.keys.is_empty())
        .filter(|bound| is_usable(model, bound))
        .filter(|bound| is_available(model, bound.binding.action))
        .partition(|bound| matches!(bound.binding.action, Action::Help | Action::Quit));
    rest.sort_by_key(|bound| urgency(model, bound));
    let reserved: usize = always.iter().map(|bound| wide(bound)).sum();
    let mut line = Line::from(Span::raw(" "));
    for bound in rest {
        if line.width() + wide(bound) + reserved <= room {
            push(&mut line, theme, bound);
        }
    }
    for bound in always {
        push(&mut line, theme, bound);
    }
    pane::lines(frame, place, [line]);
}

/// Whether the footer names the key. The key that leaves the history is named while the history is open, and the key of
/// the queue while a push is pending or has failed.
fn is_named(model: &Model, bound: &Bound) -> bool {
    if bound.binding.action == Action::Queue {
        let push = model.snapshot().and_then(Snapshot::notable_push);
        return push.is_some() && !model.history.is_open;
    }
    let is_way_back = model.history.is_open && bound.binding.action == Action::Back;
    bound.binding.in_footer || is_way_back
}

/// Whether the key has an effect on the current screen.
fn is_usable(model: &Model, bound: &Bound) -> bool {
    let (scope, action) = (bound.binding.scope, bound.binding.action);
    if !model.history.is_open {
        return scope.covers(model.focus);
    }
    let is_for_all = matches!(
        action,
        Action::Open
            | Action::Back
            | Action::Search
            | Action::Palette
            | Action::Help
            | Action::Quit
    );
    scope == Scope::History || is_for_all
}

/// The order in the footer, lowest first: the keys that answer a release, the keys that undo the running release, the
/// key that ends the zoom, the keys of the focused pane or of the history, and then the other keys in the order of the
/// table.
fn urgency(model: &Model, bound: &Bound) -> u8 {
    let is_releasing = model.release_in_flight().is_some();
    match (bound.binding.action, bound.binding.scope) {
        (Action::Approve, _) => 0,
        (Action::Resume, _) if model.current_request().is_some() => 0,
        (Action::BackOut | Action::RollBack, _) if is_releasing => 1,
        (Action::Unzoom, _) if model.looks.zoomed => 2,
        (_, Scope::Environments | Scope::Logs | Scope::History) => 3,
        (Action::Search, _) if model.focus == Pane::Logs => 3,
        _ => 4,
    }
}

fn prompt(prompt: &Prompt, theme: &Theme, frame: &mut Frame<'_>, place: Rect) {
    let sign = format!(" {}", prompt.kind.sign());
    let column = text::width(&sign) + prompt.line.cursor();
    let line = Line::from(vec![
        theme.span(sign, Meaning::Title),
        theme.span(prompt.line.text().to_owned(), Meaning::Text),
    ]);
    pane::lines(frame, place, [line]);
    if let Ok(column) = u16::try_from(column)
        && column < place.width
    {
        frame.set_cursor_position((place.x + column, place.y));
    }
}

fn key_and_label(bound: &Bound) -> (String, String) {
    let key = bound
        .keys
        .first()
        .map_or(String::new(), ToString::to_string);
    (key, format!(" {}  ", bound.binding.label))
}

fn wide(bound: &Bound) -> usize {
    let (key, label) = key_and_label(bound);
    text::width(&key) + text::width(&label)
}

fn push(line: &mut Line<'_>, theme: &Theme, bound: &Bound) {
    let (key, label) = key_and_label(bound);
    line.push_span(theme.span(key, Meaning::Key));
    line.push_span(theme.span(label, Meaning::Muted));
}
