//! The ladder: every step of the release in flight, what it does now, what comes next, and what undoing it
//! would do. Always on the screen; one line if there is no room for more.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Block;

use super::{at_rest, pane, progress, text, together};
use crate::console::model::{Model, relevant_step};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::history::{Direction, ReleaseKind, Step};
use crate::release::report::Tone;
use crate::release::{Progress, Status, StepState, StepStatus};

/// The columns of a step for its current observation.
const NOTE: usize = 24;
/// The least columns of a reason: a shorter one is not worth its place.
const LEAST_REASON: usize = 16;

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, place: Rect) {
    if place.height < 3 {
        let line = one_line(model, theme, usize::from(place.width));
        return pane::lines(frame, place, [line]);
    }
    let columns = usize::from(place.width.saturating_sub(2));
    let title = text::cut(&title(model, theme, columns), columns, theme);
    let block = Block::bordered()
        .border_set(theme.charset().border())
        .border_style(theme.style(border(model)))
        .title(theme.span(title, Meaning::Title));
    let inner = block.inner(place);
    frame.render_widget(block, place);
    let columns = usize::from(inner.width);
    let Some(status) = model.release() else {
        let timeline = timeline(model, theme, columns);
        let lines = idle(model, theme, columns).into_iter().chain(timeline);
        return pane::lines(frame, inner, lines);
    };
    let steps = steps(model, theme, status, columns);
    let mut told = Vec::new();
    let lines = progress::lines(model, theme, status);
    // A single line can use several rows. Several lines have one row each.
    let alone = lines.len() == 1 && inner.height > 2;
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
    let timeline = timeline(model, theme, columns);
    pane::lines(
        frame,
        inner,
        std::iter::once(steps).chain(told).chain(timeline),
    );
}

/// The past releases of this target, if the pane has rows for them.
fn timeline<'a>(model: &Model, theme: &Theme, columns: usize) -> Vec<Line<'a>> {
    let timeline = &model.timeline;
    let is_shown = model.is_at_rest() && timeline.target == model.open;
    let lines = timeline.lines.iter().filter(|_| is_shown);
    lines
        .filter(|line| !line.text.is_empty())
        .map(|line| {
            let meaning = match line.tone {
                Tone::Heading => Meaning::Title,
                Tone::Plain | Tone::Bad => Meaning::Text,
                Tone::Quiet => Meaning::Muted,
            };
            let words = text::cut(&line.text, columns.saturating_sub(1), theme);
            Line::from(vec![Span::raw(" "), theme.span(words, meaning)])
        })
        .collect()
}

fn border(model: &Model) -> Meaning {
    let own = model.release_in_flight().map(|status| &status.progress);
    match own {
        Some(Progress::Asking { .. }) => Meaning::Warn,
        Some(Progress::Choosing { .. } | Progress::Unrecorded { .. }) => Meaning::Bad,
        // It waits for another operator, so it needs no attention here.
        _ => Meaning::Border,
    }
}

/// The title, as much of it as fits. Target and versions are always in it; then, in this order of importance,
/// the driver and the running time, the id, and the reason.
fn title(model: &Model, theme: &Theme, columns: usize) -> String {
    let Some(status) = model.release() else {
        return " Release ".to_owned();
    };
    let plan = &status.plan;
    let from = plan.from.as_ref();
    let from = from.map_or("nothing", |from| from.version.name());
    let what = match plan.kind {
        ReleaseKind::Promote => String::new(),
        other => format!("{other} "),
    };
    let service = &plan.target().service;
    let arrow = theme.glyph(Glyph::Arrow);
    let what = format!("{what}{service} {from} {arrow} {}", plan.version.name());
    let release = format!("Release {}", plan.release.short());
    let who = match model.elsewhere().filter(|told| told.is_driven()) {
        Some(told) => format!("driven by {}", progress::driver(told)),
        None => plan.operator.to_string(),
    };
    let is_interrupted = matches!(status.progress, Progress::Interrupted { .. });
    let end = if is_interrupted && status.is_live_with_standby() {
        "in standby".to_owned()
    } else if is_interrupted {
        "interrupted".to_owned()
    } else if status.is_over() {
        "ended".to_owned()
    } else {
        text::clock(text::seconds(status.since, model.now))
    };
    let environment = plan.target().environment.to_string();
    let reason = plan.reason.as_ref();
    let reason = reason.map_or(String::new(), |reason| format!("\"{reason}\""));
    let goes_on = !model.is_at_rest();
    let watched = together::watched_by(model).filter(|_| goes_on);
    let watched = watched.unwrap_or_default();
    // In the order of the title, each with its rank: the highest rank is dropped first.
    let mut parts = vec![
        (release, 3),
        (what, 0),
        (environment, 4),
        (reason, 5),
        (who, 2),
        (end, 1),
        (watched, 6),
    ];
    parts.retain(|(words, _)| !words.is_empty());
    loop {
        let words: Vec<&str> = parts.iter().map(|(words, _)| words.as_str()).collect();
        let title = format!(" {} ", words.join(" · "));
        if text::width(&title) <= columns || parts.len() == 1 {
            return title;
        }
        let last = parts.iter().map(|(_, rank)| *rank).max();
        let is_reason = last == Some(5);
        let over = text::width(&title) - columns;
        let Some(part) = parts.iter_mut().find(|(_, rank)| Some(*rank) == last) else {
            return title;
        };
        // A reason is still useful when it is cut.
        let room = text::width(&part.0).saturating_sub(over);
        if is_reason && room >= LEAST_REASON {
            part.0 = text::cut(&part.0, room, theme);
        } else {
            parts.retain(|(_, rank)| Some(*rank) != last);
        }
    }
}

/// Shown if no release is known.
fn idle<'a>(model: &Model, theme: &Theme, columns: usize) -> Vec<Line<'a>> {
    [at_rest::never(model), at_rest::next(model, theme)]
        .into_iter()
        .map(|(words, meaning)| {
            let words = text::cut(&words, columns.saturating_sub(1), theme);
            Line::from(vec![Span::raw(" "), theme.span(words, meaning)])
        })
        .collect()
}

/// How the last release ended, and what comes next.
fn one_line_at_rest<'a>(model: &Model, theme: &Theme, columns: usize) -> Line<'a> {
    let (ended, meaning) = match model.release() {
        Some(status) => {
            let (_, meaning) = at_rest::ended(model, theme, status);
            (at_rest::ended_in_short(model, theme, status), meaning)
        }
        None => at_rest::never(model),
    };
    let mut line = Line::from(vec![Span::raw(" "), theme.span(ended, meaning)]);
    let (next, meaning) = at_rest::next(model, theme);
    let room = columns.saturating_sub(line.width() + 3);
    line.push_span(theme.span(" · ", Meaning::Muted));
    line.push_span(theme.span(text::cut(&next, room, theme), meaning));
    line
}

fn one_line<'a>(model: &Model, theme: &Theme, columns: usize) -> Line<'a> {
    let Some(status) = model.release().filter(|_| !model.is_at_rest()) else {
        return one_line_at_rest(model, theme, columns);
    };
    let says_itself = matches!(
        status.progress,
        Progress::Forward(_)
            | Progress::Asking { .. }
            | Progress::Back(_)
            | Progress::Choosing { .. }
    );
    if says_itself {
        return steps(model, theme, status, columns);
    }
    let left = match status.progress {
        Progress::Standby { until: Some(until) } => {
            format!(" {}", text::clock(text::seconds(model.now, until)))
        }
        _ => String::new(),
    };
    let words = format!(" {}{left}  ", progress::in_a_word(theme, status));
    let mut line = Line::from(theme.span(words, Meaning::Busy));
    let room = columns.saturating_sub(line.width());
    line.extend(steps(model, theme, status, room).spans);
    line
}

/// The steps side by side. If they do not fit, those around the most relevant one.
fn steps<'a>(model: &Model, theme: &Theme, status: &Status, columns: usize) -> Line<'a> {
    let steps = |note: usize| -> Vec<(String, Meaning)> {
        let steps = status.steps.iter();
        steps
            .map(|step_status| self::step_status(model, theme, status, step_status, note))
            .collect()
    };
    // The note is shortened before a step is left out.
    let mut all = steps(NOTE);
    let whole = |all: &[(String, Meaning)]| -> usize {
        all.iter().map(|(words, _)| text::width(words) + 2).sum()
    };
    if whole(&all) > columns {
        all = steps(0);
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
    let last = all.len().saturating_sub(1);
    for (index, (words, meaning)) in all.into_iter().enumerate().skip(from) {
        let room = columns.saturating_sub(line.width());
        // The mark for further steps needs room of its own.
        let needed = text::width(&words) + if index == last { 0 } else { 3 };
        if needed > room && index > relevant {
            line.push_span(theme.span(theme.glyph(Glyph::More), Meaning::Muted));
            break;
        }
        line.push_span(theme.span(text::cut(&words, room, theme), meaning));
        line.push_span("  ");
    }
    line
}

fn step_status(
    model: &Model,
    theme: &Theme,
    status: &Status,
    step_status: &StepStatus,
    note_room: usize,
) -> (String, Meaning) {
    let step = step_status.step;
    let (glyph, words, meaning) = match &step_status.state {
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
            if let Some(counted) = counted(status, step, note_room > 0) {
                words = format!("{words}{counted}");
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

/// The progress of a step that counts something; with a word for it if there is room.
fn counted(status: &Status, step: Step, has_room: bool) -> Option<String> {
    match step {
        Step::Pull => {
            let (done, total) = status.pulled?;
            // Tenths of a megabyte, without floating point.
            let tenths = |bytes: u64| format!("{}.{}", bytes / 1_000_000, bytes / 100_000 % 10);
            Some(format!(", {} of {} MB", tenths(done), tenths(total)))
        }
        Step::Drain => status.draining.map(|open| match open {
            1 => ", 1 connection".to_owned(),
            open => format!(", {open} connections"),
        }),
        Step::Verify if !status.cases.is_empty() => {
            let all = status.plan.definition.suite.cases.len();
            let done = status.cases.len();
            let all = all.max(done);
            Some(if has_room {
                format!(", {done} of {all} cases")
            } else {
                format!(", {done}/{all}")
            })
        }
        _ => None,
    }
}
