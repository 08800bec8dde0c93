//! The ladder: every step of the release in flight, what it does now, what comes next, and what
//! undoing it would do. Always on the screen; one line where there is no room for more.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Block;

use super::{pane, progress, text};
use crate::console::model::{Model, relevant_step};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::history::{Direction, ReleaseKind, Step};
use crate::release::{Progress, Status, StepState, StepStatus};

/// The columns a rung has for what is observed at the moment.
const NOTE: usize = 24;

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, place: Rect) {
    if place.height < 3 {
        let line = one_line(model, theme, usize::from(place.width));
        return pane::lines(frame, place, [line]);
    }
    let columns = usize::from(place.width.saturating_sub(2));
    let title = text::cut(&title(model, theme), columns, theme);
    let block = Block::bordered()
        .border_set(theme.charset().border())
        .border_style(theme.style(border(model)))
        .title(theme.span(title, Meaning::Title));
    let inner = block.inner(place);
    frame.render_widget(block, place);
    let columns = usize::from(inner.width);
    let Some(status) = model.release() else {
        return pane::lines(frame, inner, idle(model, theme, columns));
    };
    let rungs = rungs(model, theme, status, columns);
    let mut told = Vec::new();
    let lines = progress::lines(model, theme, status);
    // What stands alone has all the room; else each has its own line, and none takes another's.
    let alone = lines.len() == 1;
    for (words, meaning) in lines {
        let room = columns.saturating_sub(2);
        if alone {
            let wrapped = text::wrap(&words, room, 2).into_iter();
            told.extend(
                wrapped.map(|line| Line::from(vec![Span::raw(" "), theme.span(line, meaning)])),
            );
            continue;
        }
        let words = text::cut(&words, room, theme);
        told.push(Line::from(vec![Span::raw(" "), theme.span(words, meaning)]));
    }
    pane::lines(frame, inner, std::iter::once(rungs).chain(told));
}

fn border(model: &Model) -> Meaning {
    match model.release_in_flight().map(|status| &status.progress) {
        Some(Progress::Asking { .. }) => Meaning::Warn,
        Some(Progress::Choosing { .. } | Progress::Unrecorded { .. }) => Meaning::Bad,
        _ => Meaning::Border,
    }
}

fn title(model: &Model, theme: &Theme) -> String {
    let Some(status) = model.release() else {
        return " Release ".to_owned();
    };
    let plan = &status.plan;
    let from = plan
        .from
        .as_ref()
        .map_or("nothing", |from| from.version.name());
    let what = match plan.kind {
        ReleaseKind::Promote => String::new(),
        other => format!("{other} "),
    };
    let reason = plan
        .reason
        .as_ref()
        .map_or(String::new(), |reason| format!(" · \"{reason}\""));
    let end = if status.is_over() {
        " · over".to_owned()
    } else {
        format!(" · {}", text::clock(text::seconds(status.since, model.now)))
    };
    format!(
        " Release {} · {what}{} {from} {} {} · {}{reason} · {}{end} ",
        plan.release.short(),
        plan.target().service,
        theme.glyph(Glyph::Arrow),
        plan.version.name(),
        plan.target().environment,
        plan.operator
    )
}

/// What stands here without a release of this console.
fn idle<'a>(model: &Model, theme: &Theme, columns: usize) -> Vec<Line<'a>> {
    let mut words = Vec::new();
    if let Some(holder) = model.snapshot().and_then(|snapshot| snapshot.lock.as_ref()) {
        let record = &holder.record;
        let age = text::age(text::seconds(record.since, model.now));
        words.push((
            format!(
                "{} {} drives this target since {age}: {}",
                theme.glyph(Glyph::Half),
                record.operator,
                record.message
            ),
            Meaning::Warn,
        ));
    } else {
        words.push(("no release is in flight here".to_owned(), Meaning::Muted));
    }
    let elsewhere: Vec<String> = model
        .in_flight()
        .map(|status| {
            format!(
                "{} {}",
                status.plan.target(),
                progress::in_a_word(theme, status)
            )
        })
        .collect();
    if !elsewhere.is_empty() {
        words.push((
            format!("in flight: {}", elsewhere.join("; ")),
            Meaning::Busy,
        ));
    }
    words
        .into_iter()
        .map(|(words, meaning)| {
            let words = text::cut(&words, columns.saturating_sub(1), theme);
            Line::from(vec![Span::raw(" "), theme.span(words, meaning)])
        })
        .collect()
}

fn one_line<'a>(model: &Model, theme: &Theme, columns: usize) -> Line<'a> {
    let Some(status) = model.release() else {
        return idle(model, theme, columns).pop().unwrap_or_default();
    };
    let says_itself = matches!(
        status.progress,
        Progress::Forward(_)
            | Progress::Asking { .. }
            | Progress::Back(_)
            | Progress::Choosing { .. }
    );
    if says_itself {
        return rungs(model, theme, status, columns);
    }
    let words = format!(" {}  ", progress::in_a_word(theme, status));
    let mut line = Line::from(theme.span(words, Meaning::Busy));
    let room = columns.saturating_sub(line.width());
    line.extend(rungs(model, theme, status, room).spans);
    line
}

/// The rungs beside each other; where they do not fit, those around the one that matters.
fn rungs<'a>(model: &Model, theme: &Theme, status: &Status, columns: usize) -> Line<'a> {
    let rungs = |note: usize| -> Vec<(String, Meaning)> {
        let steps = status.steps.iter();
        steps
            .map(|rung| self::rung(model, theme, status, rung, note))
            .collect()
    };
    // The note gives way before a rung does.
    let mut all = rungs(NOTE);
    let whole = |all: &[(String, Meaning)]| -> usize {
        all.iter().map(|(words, _)| text::width(words) + 2).sum()
    };
    if whole(&all) > columns {
        all = rungs(0);
    }
    let wide = |from: usize| -> usize {
        all.iter()
            .skip(from)
            .map(|(words, _)| text::width(words) + 2)
            .sum()
    };
    let relevant = relevant_step(status).unwrap_or(0);
    let mut from = 0;
    while from < relevant && wide(from) > columns.saturating_sub(2) {
        from += 1;
    }
    let mut line = Line::from(Span::raw(" "));
    if from > 0 {
        line.push_span(theme.span(theme.glyph(Glyph::More), Meaning::Muted));
    }
    for (words, meaning) in all.into_iter().skip(from) {
        let room = columns.saturating_sub(line.width());
        line.push_span(theme.span(text::cut(&words, room, theme), meaning));
        line.push_span("  ");
    }
    line
}

fn rung(
    model: &Model,
    theme: &Theme,
    status: &Status,
    rung: &StepStatus,
    note_room: usize,
) -> (String, Meaning) {
    let step = rung.step;
    let (glyph, words, meaning) = match &rung.state {
        StepState::Pending => (Glyph::Dot, step.to_string(), Meaning::Muted),
        StepState::Waiting { since } => {
            let age = text::clock(text::seconds(*since, model.now));
            (Glyph::Hand, format!("{step} waits {age}"), Meaning::Warn)
        }
        StepState::Running {
            since,
            deadline,
            direction,
            note,
        } => {
            let glyph = match direction {
                Direction::Forward => Glyph::Half,
                Direction::Back => Glyph::Back,
            };
            let mut words = format!("{step} {}", text::clock(text::seconds(*since, model.now)));
            if let Some(deadline) = deadline {
                let whole = text::clock(text::seconds(*since, *deadline));
                words = format!("{words} of {whole}");
            }
            if let Some(counted) = counted(status, step) {
                words = format!("{words} {counted}");
            } else if !note.is_empty() && note_room > 0 {
                words = format!("{words} {}", text::cut(note, note_room, theme));
            }
            (glyph, words, Meaning::Busy)
        }
        StepState::Done { took } => (
            Glyph::Tick,
            format!("{step} {}", text::took(*took)),
            Meaning::Ok,
        ),
        StepState::Failed { .. } => (Glyph::Cross, format!("{step} failed"), Meaning::Bad),
        StepState::Undone => (Glyph::Back, format!("{step} undone"), Meaning::Muted),
        StepState::Skipped => (Glyph::Dot, format!("{step} skipped"), Meaning::Warn),
    };
    (format!("{} {words}", theme.glyph(glyph)), meaning)
}

/// How far a step is, where it counts something.
fn counted(status: &Status, step: Step) -> Option<String> {
    match step {
        Step::Pull => {
            let (done, total) = status.pulled?;
            // Tenths of a megabyte, without going through floating point.
            let tenths = |bytes: u64| format!("{}.{}", bytes / 1_000_000, bytes / 100_000 % 10);
            Some(format!("{} of {} MB", tenths(done), tenths(total)))
        }
        Step::Drain => status.draining.map(|open| format!("{open} connections")),
        _ => None,
    }
}
