//! Pane 3: the checks of the newest release of this target, of the digest they were run against.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{pane, text};
use crate::checks::Verdict;
use crate::console::model::{CheckRow, CheckState, Model, Pane, checks};
use crate::console::theme::{Glyph, Meaning, Theme};

/// Glyph, word and meaning of a case's state.
fn look(state: CheckState) -> (Glyph, &'static str, Meaning) {
    match state {
        CheckState::Pending => (Glyph::Dot, "waits", Meaning::Muted),
        CheckState::Running => (Glyph::Half, "running", Meaning::Busy),
        CheckState::Settled(Verdict::Passed) => (Glyph::Tick, "passed", Meaning::Ok),
        CheckState::Settled(Verdict::Failed) => (Glyph::Cross, "failed", Meaning::Bad),
        CheckState::Settled(Verdict::Errored) => (Glyph::Unknown, "errored", Meaning::Bad),
        CheckState::Settled(Verdict::NoData) => (Glyph::Dot, "no data", Meaning::Warn),
    }
}

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, place: Rect) {
    let rows = checks(model);
    let about = about(model, &rows);
    let inner = pane::frame(model, theme, frame, place, Pane::Checks, &about);
    if rows.is_empty() {
        let words = if model.release().is_some() {
            "no checks are configured"
        } else {
            "no release of this console yet"
        };
        return pane::lines(
            frame,
            inner,
            [Line::from(theme.span(words, Meaning::Muted))],
        );
    }
    let columns = usize::from(inner.width);
    let height = usize::from(inner.height);
    let cursor = model.row(Pane::Checks).min(rows.len() - 1);
    let top = pane::top(cursor, rows.len(), height);
    let lines = rows.iter().enumerate().skip(top).take(height);
    let lines = lines.map(|(index, row)| {
        let selected = model.focus == Pane::Checks && index == cursor;
        line(theme, row, columns, selected)
    });
    pane::lines(frame, inner, lines);
}

fn about(model: &Model, rows: &[CheckRow]) -> String {
    let Some(status) = model.release() else {
        return String::new();
    };
    let mut about = format!(" · {}", status.plan.version.digest.short());
    let counted = [
        // What is wrong first: a narrow title loses the end.
        CheckState::Settled(Verdict::Failed),
        CheckState::Settled(Verdict::Errored),
        CheckState::Settled(Verdict::Passed),
        CheckState::Settled(Verdict::NoData),
        CheckState::Running,
    ];
    let mut words = Vec::new();
    for state in counted {
        let count = rows.iter().filter(|row| row.state == state).count();
        if count > 0 {
            words.push(format!("{count} {}", look(state).1));
        }
    }
    if !words.is_empty() {
        about = format!("{about} · {}", words.join(", "));
    }
    if let Some(at) = status.checked_at {
        let age = text::age(text::seconds(at, model.now));
        about = format!("{about} {age} ago");
    }
    about
}

fn line<'a>(theme: &Theme, row: &CheckRow, columns: usize, selected: bool) -> Line<'a> {
    let (glyph, word, meaning) = look(row.state);
    let took = row.took.map_or(String::new(), text::took);
    let name = text::pad(&row.name, (columns / 3).clamp(8, 24), theme);
    let text_meaning = if selected {
        Meaning::Selection
    } else {
        Meaning::Text
    };
    let optional = if row.required { "" } else { "optional  " };
    let rest = format!("{word:<8}{took:>7}  {optional}{}", row.detail);
    let room = columns.saturating_sub(4 + text::width(&name));
    Line::from(vec![
        theme.span(format!(" {} ", theme.glyph(glyph)), meaning),
        theme.span(name, text_meaning),
        theme.span(format!(" {}", text::cut(&rest, room, theme)), meaning),
    ])
}
