//! The ladder: the pane with every step of the newest release, what this release does now, what comes next, and what
//! backing out would do. The ladder is always on the screen, as one line if there is no room for more.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Block;

use super::{at_rest, pane, progress, progress_words, text, together};
use crate::console::model::{Model, relevant_step};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::history::{Direction, ReleaseKind, Step};
use crate::release::report::Tone;
use crate::release::{Progress, Status, StepState, StepStatus};

/// The largest width of the note of a step. The note is, for example, the last observation.
const NOTE: usize = 24;
/// A reason that would be cut to fewer columns is left out of the title.
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
    let mut status_lines = Vec::new();
    let lines = progress::lines(model, theme, status);
    // A single message may wrap over several rows. Several messages get one row each.
    let alone = lines.len() == 1 && inner.height > 2;
    for (message, meaning) in lines {
        let room = columns.saturating_sub(2);
        if alone {
            let wrapped = text::wrap(&message, room, 2).into_iter();
            status_lines.extend(
                wrapped.map(|line| Line::from(vec![Span::raw(" "), theme.span(line, meaning)])),
            );
            continue;
        }
        let message = text::cut(&message, room, theme);
        status_lines.push(Line::from(vec![
            Span::raw(" "),
            theme.span(message, meaning),
        ]));
    }
    let timeline = timeline(model, theme, columns);
    pane::lines(
        frame,
        inner,
        std::iter::once(steps).chain(status_lines).chain(timeline),
    );
}

/// The past releases of this target. Empty while the newest release has not ended.
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
            let text = text::cut(&line.text, columns.saturating_sub(1), theme);
            Line::from(vec![Span::raw(" "), theme.span(text, meaning)])
        })
        .collect()
}

fn border(model: &Model) -> Meaning {
    let own = model.release_in_flight().map(|status| &status.progress);
    match own {
        Some(Progress::Asking { .. }) => Meaning::Warn,
        Some(Progress::Choosing { .. } | Progress::Unrecorded { .. }) => Meaning::Bad,
        // A release that waits for another operator needs no attention from this operator.
        _ => Meaning::Border,
    }
}

/// The title, as much of it as fits. Service and versions always stay. If there is no room, these parts are left out in
/// this order: the watchers, the reason, the environment, the id, the driver, the running time.
fn title(model: &Model, theme: &Theme, columns: usize) -> String {
    let Some(status) = model.release() else {
        return " Release ".to_owned();
    };
    let plan = &status.plan;
    let from = plan.from.as_ref();
    let from = from.map_or("nothing", |from| from.version.name());
    let change = match plan.kind {
        ReleaseKind::Promote => String::new(),
        other => format!("{other} "),
    };
    let service = &plan.target().service;
    let arrow = theme.glyph(Glyph::Arrow);
    let change = format!("{change}{service} {from} {arrow} {}", plan.version.name());
    let release = format!("Release {}", plan.release.short());
    let driver = match model.elsewhere().filter(|observed| observed.is_driven()) {
        Some(observed) => format!("driven by {}", progress::driver(observed)),
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
    let is_running = !model.is_at_rest();
    let watched = together::watched_by(model).filter(|_| is_running);
    let watched = watched.unwrap_or_default();
    // The parts in the order of the title, each with a rank. The part with the highest rank is dropped first.
    let mut parts = vec![
        (release, 3),
        (change, 0),
        (environment, 4),
        (reason, 5),
        (driver, 2),
        (end, 1),
        (watched, 6),
    ];
    parts.retain(|(part, _)| !part.is_empty());
    loop {
        let texts: Vec<&str> = parts.iter().map(|(part, _)| part.as_str()).collect();
        let title = format!(" {} ", texts.join(" · "));
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

/// The lines for a target without a known release.
fn idle<'a>(model: &Model, theme: &Theme, columns: usize) -> Vec<Line<'a>> {
    [at_rest::no_release(model), at_rest::next(model, theme)]
        .into_iter()
        .map(|(message, meaning)| {
            let message = text::cut(&message, columns.saturating_sub(1), theme);
            Line::from(vec![Span::raw(" "), theme.span(message, meaning)])
        })
        .collect()
}

/// One line: how the last release ended, and what comes next.
fn one_line_at_rest<'a>(model: &Model, theme: &Theme, columns: usize) -> Line<'a> {
    let (ended, meaning) = match model.release() {
        Some(status) => {
            let (_, meaning) = at_rest::ended(model, theme, status);
            (at_rest::ended_in_short(model, theme, status), meaning)
        }
        None => at_rest::no_release(model),
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
    let steps_say_it = matches!(
        status.progress,
        Progress::Forward(_)
            | Progress::Asking { .. }
            | Progress::Back(_)
            | Progress::Choosing { .. }
    );
    if steps_say_it {
        return steps(model, theme, status, columns);
    }
    let left = match status.progress {
        Progress::Standby { until: Some(until) } => {
            format!(" {}", text::clock(text::seconds(model.now, until)))
        }
        _ => String::new(),
    };
    let label = format!(" {}{left}  ", progress_words::in_a_word(theme, status));
    let mut line = Line::from(theme.span(label, Meaning::Busy));
    let room = columns.saturating_sub(line.width());
    line.extend(steps(model, theme, status, room).spans);
    line
}

/// The steps side by side. If the steps do not fit, some steps before or after the most relevant step are left out.
fn steps<'a>(model: &Model, theme: &Theme, status: &Status, columns: usize) -> Line<'a> {
    let steps = |note: usize| -> Vec<(String, Meaning)> {
        let steps = status.steps.iter();
        steps
            .map(|step_status| self::step_status(model, theme, status, step_status, note))
            .collect()
    };
    // The note is shortened before a step is left out.
    let mut labels = steps(NOTE);
    let whole = |labels: &[(String, Meaning)]| -> usize {
        labels.iter().map(|(label, _)| text::width(label) + 2).sum()
    };
    if whole(&labels) > columns {
        labels = steps(0);
    }
    let wide = |from: usize| -> usize {
        labels
            .iter()
            .skip(from)
            .map(|(label, _)| text::width(label) + 2)
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
    let last = labels.len().saturating_sub(1);
    for (index, (label, meaning)) in labels.into_iter().enumerate().skip(from) {
        let room = columns.saturating_sub(line.width());
        // Keeps room for the mark that shows that more steps follow.
        let needed = text::width(&label) + if index == last { 0 } else { 3 };
        if needed > room && index > relevant {
            line.push_span(theme.span(theme.glyph(Glyph::More), Meaning::Muted));
            break;
        }
        line.push_span(theme.span(text::cut(&label, room, theme), meaning));
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
    let (glyph, label, meaning) = match &step_status.state {
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
            let mut label = format!("{step} {}", text::clock(text::seconds(*since, model.now)));
            if let Some(deadline) = deadline {
                let limit = text::clock(text::seconds(*since, *deadline));
                label = format!("{label} of {limit}");
            }
            if let Some(counted) = counted(status, step, note_room > 0) {
                label = format!("{label}{counted}");
            } else if !note.is_empty() && note_room > 0 {
                label = format!("{label} {}", text::cut(note, note_room, theme));
            }
            (glyph, label, Meaning::Busy)
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
    (format!("{} {label}", theme.glyph(glyph)), meaning)
}

/// The progress of a step that counts bytes, connections or cases.
fn counted(status: &Status, step: Step, has_room: bool) -> Option<String> {
    match step {
        Step::Pull => {
            let (done, total) = status.pulled?;
            // Computes tenths of a megabyte without floating point.
            let tenths = |bytes: u64| format!("{}.{}", bytes / 1_000_000, bytes / 100_000 % 10);
            Some(format!(", {} of {} MB", tenths(done), tenths(total)))
        }
        Step::Drain => status.draining.map(|open| match open {
            1 => ", 1 connection".to_owned(),
            open => format!(", {open} connections"),
        }),
        Step::Verify if !status.cases.is_empty() => {
            let total = status.plan.definition.suite.cases.len();
            let done = status.cases.len();
            let total = total.max(done);
            Some(if has_room {
                format!(", {done} of {total} cases")
            } else {
                format!(", {done}/{total}")
            })
        }
        _ => None,
    }
}
