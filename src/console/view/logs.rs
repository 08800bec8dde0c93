//! Pane 5: a log. The cost of drawing depends only on the lines in view.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{diagnostics, pane, text};
use crate::console::action::Action;
use crate::console::model::{
    LogFeed, LogKind, LongLines, Measure, Model, Pane, SLOT_COLUMNS, TIME_COLUMNS, Times,
};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::inventory::Slot;
use crate::logs::{Line as LogLine, LineId, Needle, Origin, Room, slice, wrapped};

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, place: Rect) {
    if let Some(reading_position) = &model.log.diagnostics {
        return diagnostics::draw(model, theme, frame, place, reading_position);
    }
    let columns = usize::from(place.width.saturating_sub(2));
    let measure = model.log.measure(columns);
    let rows = |line: &LogLine| measure.rows(line);
    let room = Room {
        height: usize::from(place.height.saturating_sub(2)),
        rows: &rows,
    };
    let about = about(model, room, columns);
    let inner = pane::frame(model, theme, frame, place, Pane::Logs, &about);
    let log = model.log.log();
    let shown = log.shown();
    if shown.is_empty() {
        let message = theme.span(why_empty(model), Meaning::Muted);
        return pane::lines(frame, inner, [Line::from(vec![Span::raw(" "), message])]);
    }
    let top = log.view().top(shown, room);
    let look = Look {
        theme,
        measure,
        long: model.log.long,
        is_both: model.log.kind == LogKind::Both,
        left: log.view().left(),
        needle: log.needle(),
        hit: log.hit(),
    };
    let lines = shown
        .lines(top.number)
        .flat_map(|line| look.rows(line))
        .skip(top.skipped);
    pane::lines(frame, inner, lines);
}

/// The text of the title. The less important parts are left out if there is no room.
fn about(model: &Model, room: Room<'_>, columns: usize) -> String {
    let log = model.log.log();
    let shown = log.shown();
    let below = log.view().below(shown, room);
    let mode = if log.view().follows() {
        "following".to_owned()
    } else {
        format!("paused, {} below", text::count(below as u64))
    };
    let wanted = &model.log.wanted;
    let mut parts: Vec<(u8, String)> = vec![(0, name(model)), (2, mode)];
    if log.ring().total() > 0 {
        let total = text::count(log.ring().total());
        parts.push((4, format!("{total} lines")));
    }
    if log.ring().dropped() > 0 {
        let dropped = text::count(log.ring().dropped());
        parts.push((3, format!("oldest {dropped} dropped")));
    }
    if let Some(since) = wanted.since {
        parts.push((2, format!("since {}", text::time_of_day(since))));
    }
    if !wanted.filter.is_empty() {
        let kept = text::count(shown.len() as u64);
        parts.push((1, format!("&{} {kept}", wanted.filter)));
    }
    if let (Some(needle), Some((number, total))) = (log.needle(), log.hits()) {
        let total = text::count(total as u64);
        let found = match number {
            Some(number) => format!("{} of {total}", text::count(number as u64)),
            None if total == "0" => "not found".into(),
            None => format!("{total} found"),
        };
        parts.push((1, format!("/{} {found}", needle.text())));
    }
    // The rest of the title takes the cursor, the number and name of the pane, and a space at the end.
    let title = columns.saturating_sub("▸5 Logs ".chars().count());
    loop {
        let mut about = String::new();
        for (_, part) in &parts {
            about.push_str(" · ");
            about.push_str(part);
        }
        let least = parts.iter().map(|(weight, _)| *weight).max().unwrap_or(0);
        if least == 0 || text::width(&about) <= title {
            return about;
        }
        parts.retain(|(weight, _)| *weight < least);
    }
}

fn name(model: &Model) -> String {
    let Some(target) = &model.log.target else {
        return "none".into();
    };
    let snapshot = model.world.get(target);
    let is_known = snapshot.is_some_and(|snapshot| snapshot.sources.runtime.has_answered());
    let version = |slot: Slot| {
        let side = snapshot.map(|snapshot| snapshot.slots.get(slot));
        // The log is that of the first member.
        let first = side.and_then(|side| side.members.iter().next());
        match first {
            Some(first) => format!("{slot} {}:{}", target.service, first.version_name()),
            None if is_known => format!("{slot} (empty)"),
            None => format!("{slot} (unknown)"),
        }
    };
    match model.log.kind {
        LogKind::Slot(slot) => version(slot),
        LogKind::Both => format!("{} and {}", version(Slot::Blue), version(Slot::Green)),
        LogKind::Tasks => format!("tasks of {target}"),
        LogKind::Checks => format!("checks of {target}"),
        LogKind::Proxy => format!("proxy of {target}"),
        LogKind::Steps => format!("release steps of {target}"),
    }
}

fn why_empty(model: &Model) -> String {
    let log = model.log.log();
    let wanted = &model.log.wanted;
    let Some(target) = &model.log.target else {
        return "no target is open, so there is no log".into();
    };
    if !log.ring().is_empty() {
        let total = text::count(log.ring().len() as u64);
        return match wanted.since {
            Some(since) if wanted.filter.is_empty() => format!(
                "no line since {}: {} selects a longer time ({total} lines are older)",
                text::time_of_day(since),
                model.keymap.shown(Action::Since)
            ),
            Some(since) => format!(
                "no line since {} contains {}: Esc clears the filter",
                text::time_of_day(since),
                wanted.filter
            ),
            None => format!(
                "none of {total} lines contains {}: Esc shows all",
                wanted.filter
            ),
        };
    }
    let runs = |slot| model.log.followed.contains_key(&LogFeed::Slot(slot));
    match model.log.kind {
        LogKind::Slot(slot) if runs(slot) => format!("{slot} has logged nothing yet"),
        LogKind::Slot(_) if !runs(Slot::Blue) && !runs(Slot::Green) => {
            "no log: nothing is known to run in this target".into()
        }
        LogKind::Slot(slot) => format!("no log: nothing is known to run in {slot}"),
        LogKind::Both if runs(Slot::Blue) || runs(Slot::Green) => {
            "blue and green have logged nothing yet".into()
        }
        LogKind::Both => "no log: nothing is known to run in blue or green".into(),
        LogKind::Tasks => format!("no task of {target} has written anything yet"),
        LogKind::Checks if model.elsewhere().is_some() => {
            "no log: the output of checks is only in the console that drives the release".into()
        }
        LogKind::Checks => format!("no check of {target} has written anything yet"),
        LogKind::Proxy => format!("the proxy has written nothing about {target} yet"),
        LogKind::Steps => format!("no release of {target} ran while this console was open"),
    }
}

struct Look<'a> {
    theme: &'a Theme,
    measure: Measure,
    long: LongLines,
    is_both: bool,
    left: usize,
    needle: Option<&'a Needle>,
    hit: Option<LineId>,
}

impl Look<'_> {
    /// The rows of a line. Their number equals [`Measure::rows`].
    fn rows(&self, line: &LogLine) -> Vec<Line<'static>> {
        let text = text::clean(&line.text);
        let room = self.measure.room(line);
        let (mark, meaning) = match line.origin {
            Origin::Out => (" ", Meaning::Text),
            Origin::Err => ("!", Meaning::Warn),
            Origin::Notice => (self.theme.glyph(Glyph::Half), Meaning::Notice),
        };
        let mut before = self.before(line);
        before.push(self.theme.span(format!("{mark} "), meaning));
        if self.long == LongLines::Cut {
            let (gap, mut part) = slice(&text, self.left, room);
            let mut more = None;
            if part.end < text.len() {
                (_, part) = slice(&text, self.left, room.saturating_sub(1));
                more = Some(self.theme.span(self.theme.glyph(Glyph::More), meaning));
            }
            before.push(Span::raw(" ".repeat(gap)));
            before.extend(self.marked(&text, part, meaning));
            before.extend(more);
            return vec![Line::from(before)];
        }
        let gutter = self.measure.gutter(line);
        let mut before = Some(before);
        wrapped(&text, room)
            .map(|part| {
                let indent = || vec![Span::raw(" ".repeat(gutter))];
                let mut spans = before.take().unwrap_or_else(indent);
                spans.extend(self.marked(&text, part, meaning));
                Line::from(spans)
            })
            .collect()
    }

    /// The parts before the text of a line: the mark of a match, the time and the slot.
    fn before(&self, line: &LogLine) -> Vec<Span<'static>> {
        let theme = self.theme;
        let mut spans = vec![if self.hit == Some(line.id) {
            theme.span(theme.glyph(Glyph::Cursor), Meaning::Match)
        } else {
            Span::raw(" ")
        }];
        if self.measure.times_of(line) == Times::Shown {
            let at = match line.at {
                Some(at) => format!("{} ", text::moment(at)),
                None => " ".repeat(TIME_COLUMNS),
            };
            spans.push(theme.span(at, Meaning::Muted));
        }
        if self.is_both {
            let (word, meaning) = match line.slot {
                Some(Slot::Blue) => ("blue", Meaning::SlotBlue),
                Some(Slot::Green) => ("green", Meaning::SlotGreen),
                None => ("", Meaning::Text),
            };
            spans.push(theme.span(format!("{word:<SLOT_COLUMNS$}"), meaning));
        }
        spans
    }

    /// A part of a text with the search matches marked.
    fn marked(
        &self,
        text: &str,
        part: std::ops::Range<usize>,
        meaning: Meaning,
    ) -> Vec<Span<'static>> {
        let mut spans = Vec::new();
        let mut at = part.start;
        let mut push = |from: usize, to: usize, meaning| {
            if let Some(piece) = text.get(from..to).filter(|piece| !piece.is_empty()) {
                spans.push(self.theme.span(piece.to_owned(), meaning));
            }
        };
        let places = self
            .needle
            .into_iter()
            .flat_map(|needle| needle.places(text));
        for place in places {
            if place.start >= part.end {
                break;
            }
            if place.end > part.start {
                let (start, end) = (place.start.max(part.start), place.end.min(part.end));
                push(at, start, meaning);
                push(start, end, Meaning::Match);
                at = end;
            }
        }
        push(at, part.end, meaning);
        spans
    }
}
