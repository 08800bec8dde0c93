//! Pane 3: the checks of the candidate of a release that has not ended. Otherwise the pane shows the checks of the live
//! version, from the release that made this version live, with their age.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{pane, text};
use crate::checks::Verdict;
use crate::console::model::{CheckRow, CheckState, Model, Pane, checked, checks};
use crate::console::theme::{Glyph, Meaning, Theme};

/// The glyph, word and meaning of a case's state.
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
        let messages = text::wrap(&why_none(model), usize::from(inner.width), 0);
        let lines = messages
            .into_iter()
            .map(|line| Line::from(theme.span(line, Meaning::Muted)));
        return pane::lines(frame, inner, lines);
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
    let evidence = evidence(model, theme, columns);
    pane::lines(frame, inner, lines.chain(evidence).take(height));
}

/// The line below the checks that names their release. `None` for a release that has not ended.
fn evidence<'a>(model: &Model, theme: &Theme, columns: usize) -> Option<Line<'a>> {
    let checked = checked(model)?;
    let release = checked.made_live_by?.short();
    let message = match checked.at.map(text::time_of_day) {
        Some(at) => format!("   run at {at} by release {release}"),
        None => format!("   run by release {release}"),
    };
    let message = text::cut(&message, columns, theme);
    Some(Line::from(theme.span(message, Meaning::Muted)))
}

/// The reason why no checks are listed.
fn why_none(model: &Model) -> String {
    let live = model
        .snapshot()
        .and_then(|snapshot| snapshot.live_instance());
    match (checked(model), live) {
        (Some(checked), _) => match checked.made_live_by {
            None => "no checks are configured".to_owned(),
            Some(release) => format!(
                "release {} made {} live without running checks",
                release.short(),
                checked.version.name()
            ),
        },
        (None, Some(live)) => format!(
            "no checks of {} were found in the journals",
            live.version_name()
        ),
        (None, None) => "no live version is known, so no checks are shown".to_owned(),
    }
}

fn about(model: &Model, rows: &[CheckRow]) -> String {
    let Some(checked) = checked(model) else {
        return String::new();
    };
    let mut about = match checked.made_live_by {
        None => format!(" · {}", checked.version.digest.short()),
        Some(_) => format!(" · live {}", checked.version.name()),
    };
    let counted = [
        // Failures come first, because a narrow title is cut at its end.
        CheckState::Settled(Verdict::Failed),
        CheckState::Settled(Verdict::Errored),
        CheckState::Settled(Verdict::Passed),
        CheckState::Settled(Verdict::NoData),
        CheckState::Running,
    ];
    let mut counts = Vec::new();
    for state in counted {
        let count = rows.iter().filter(|row| row.state == state).count();
        if count > 0 {
            counts.push(format!("{count} {}", look(state).1));
        }
    }
    if !counts.is_empty() {
        about = format!("{about} · {}", counts.join(", "));
    }
    if let Some(at) = checked.at {
        let seconds = text::seconds(at, model.now);
        about = match checked.made_live_by {
            None => format!("{about} {} ago", text::age(seconds)),
            Some(_) => format!("{about} {}", text::ago(seconds)),
        };
    }
    about
}

fn line<'a>(theme: &Theme, row: &CheckRow, columns: usize, selected: bool) -> Line<'a> {
    let (glyph, word, mut meaning) = look(row.state);
    let mut detail = row.detail.clone();
    if let Some(overridden) = &row.overridden {
        meaning = Meaning::Warn;
        detail = format!("{overridden}; {detail}");
    }
    let took = row.took.map_or(String::new(), text::took);
    let name = text::pad(&row.name, (columns / 3).clamp(8, 24), theme);
    let text_meaning = if selected {
        Meaning::Selection
    } else {
        Meaning::Text
    };
    let optional = if row.required { "" } else { "optional  " };
    let rest = format!("{word:<8}{took:>7}  {optional}{detail}");
    let room = columns.saturating_sub(4 + text::width(&name));
    Line::from(vec![
        theme.span(format!(" {} ", theme.glyph(glyph)), meaning),
        theme.span(name, text_meaning),
        theme.span(format!(" {}", text::cut(&rest, room, theme)), meaning),
    ])
}
