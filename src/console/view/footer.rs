//! The last line: what was just answered, else the keys that would do something now, from the
//! table of actions.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{pane, text};
use crate::console::action::{Action, BINDINGS, Binding, Scope};
use crate::console::model::{Model, Pane, Weight, offers};
use crate::console::theme::{Meaning, Theme};

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, place: Rect) {
    let room = usize::from(place.width);
    if let Some(notice) = &model.notice {
        let meaning = match notice.weight {
            Weight::Told => Meaning::Notice,
            Weight::Refused => Meaning::Warn,
        };
        let words = text::cut(&notice.text, room.saturating_sub(2), theme);
        let line = Line::from(vec![Span::raw(" "), theme.span(words, meaning)]);
        return pane::lines(frame, place, [line]);
    }
    let (always, rest): (Vec<&Binding>, Vec<&Binding>) = BINDINGS
        .iter()
        .filter(|binding| binding.in_footer)
        .filter(|binding| binding.scope == Scope::Everywhere || model.focus == Pane::Logs)
        .filter(|binding| offers(model, binding.action))
        .partition(|binding| matches!(binding.action, Action::Help | Action::Quit));
    let reserved: usize = always.iter().map(|binding| wide(binding)).sum();
    let mut line = Line::from(Span::raw(" "));
    for binding in rest {
        if line.width() + wide(binding) + reserved <= room {
            push(&mut line, theme, binding);
        }
    }
    for binding in always {
        push(&mut line, theme, binding);
    }
    pane::lines(frame, place, [line]);
}

fn words(binding: &Binding) -> (String, String) {
    let key = binding
        .keys
        .first()
        .map_or(String::new(), ToString::to_string);
    (key, format!(" {}  ", binding.label))
}

fn wide(binding: &Binding) -> usize {
    let (key, label) = words(binding);
    text::width(&key) + text::width(&label)
}

fn push(line: &mut Line<'_>, theme: &Theme, binding: &Binding) {
    let (key, label) = words(binding);
    line.push_span(theme.span(key, Meaning::Key));
    line.push_span(theme.span(label, Meaning::Muted));
}
