//! The actions of the log pane.

use crate::console::action::Action;
use crate::console::backend::Backend;
use crate::console::effect::{Call, Effect, Question, Watch};
use crate::console::layout::{self, Arrangement, Shape};
use crate::console::model::{
    Diagnostics, LogKind, LongLines, Model, Pane, PromptKind, SavedLog, Since, Times, Weight,
};
use crate::inventory::local_time;
use crate::logs::{Line, Log, NewLine, Room, Seek, columns_before};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

fn refuse_without_search(model: &mut Model) -> Vec<Effect> {
    let search = model.keymap.shown(Action::Search);
    let text = format!("there is no search text: {search} searches the log");
    model.refused(&text)
}

fn refuse_in_diagnostics(model: &mut Model) -> Vec<Effect> {
    let diagnostics = model.keymap.shown(Action::Diagnostics);
    let text = format!("this action works only in a log: {diagnostics} shows the log again");
    model.refused(&text)
}

/// Calls `act` with the shown log and the room that the pane has for its lines.
pub(super) fn with_room<T>(model: &mut Model, act: impl FnOnce(&mut Log, Room<'_>) -> T) -> T {
    let (columns, height) = pane_size(model);
    let measure = model.log.measure(columns);
    let rows = |line: &Line| measure.rows(line);
    let room = Room {
        height,
        rows: &rows,
    };
    act(model.log.log_mut(), room)
}

/// The columns and rows of the log pane inside its border. 0 if the pane is not shown.
fn pane_size(model: &Model) -> (usize, usize) {
    let place = match layout::arrange(Shape::of(model)) {
        Arrangement::Card(_) => None,
        Arrangement::Panes(places) => places.pane(Pane::Logs),
    };
    place.map_or((0, 0), |place| {
        let (columns, rows) = (place.width, place.height);
        (
            columns.saturating_sub(2).into(),
            rows.saturating_sub(2).into(),
        )
    })
}

/// The lines that are on the screen.
pub(super) fn in_view(model: &Model) -> Vec<&Line> {
    let (columns, height) = pane_size(model);
    let measure = model.log.measure(columns);
    let rows = |line: &Line| measure.rows(line);
    let room = Room {
        height,
        rows: &rows,
    };
    let log = model.log.log();
    let shown = log.shown();
    let top = log.view().top(shown, room);
    let mut left = height + top.skipped;
    let fits = |line: &&Line| {
        let has_room = left > 0;
        left = left.saturating_sub(measure.rows(line));
        has_room
    };
    shown.lines(top.number).take_while(fits).collect()
}

/// Applies the current search, filter and start time to the shown log.
fn apply(model: &mut Model) {
    let wanted = model.log.wanted.clone();
    with_room(model, |log, room| log.want(&wanted, room));
}

/// Shows a log, with the search, filter and start time of the previous log. The previous log is reset to all lines.
pub(super) fn show(model: &mut Model, kind: LogKind) {
    if model.log.kind != kind {
        with_room(model, |log, room| log.want(&<_>::default(), room));
    }
    model.log.show(kind);
    apply(model);
}

pub(super) fn follow(model: &mut Model) {
    with_room(model, |log, room| {
        if log.view().follows() {
            log.stay(room);
        } else {
            log.follow();
        }
    });
}

pub(super) fn scroll(model: &mut Model, by: isize) {
    match &model.log.diagnostics {
        Some(diagnostics) if by < 0 => diagnostics.older(),
        Some(diagnostics) => diagnostics.newer(),
        None => with_room(model, |log, room| log.scroll(room, by)),
    }
}

pub(super) fn to_start(model: &mut Model) {
    match &model.log.diagnostics {
        Some(diagnostics) => diagnostics.older(),
        None => model.log.log_mut().to_start(),
    }
}

pub(super) fn to_end(model: &mut Model) {
    match &model.log.diagnostics {
        Some(diagnostics) => diagnostics.newest(),
        None => model.log.log_mut().follow(),
    }
}

pub(super) fn search(model: &mut Model) -> Vec<Effect> {
    if model.log.diagnostics.is_some() {
        return refuse_in_diagnostics(model);
    }
    model.focus = Pane::Logs;
    model.log.before_search = Some(*model.log.log().view());
    let text = model.log.wanted.search.clone();
    model.ask_in_prompt(PromptKind::SearchLog, &text)
}

/// Searches for the text while the operator types it. Each search starts at the scroll position from before the first
/// key. An empty text ends the search and returns to that position.
pub(super) fn search_typed(model: &mut Model, text: &str) {
    text.clone_into(&mut model.log.wanted.search);
    apply(model);
    if let Some(view) = model.log.before_search {
        model.log.log_mut().look_again(view);
    }
    if !text.is_empty() {
        with_room(model, Log::go_to_nearest);
        reveal(model);
    }
}

/// The operator has confirmed the search. If there is no current match, goes to the nearest match.
pub(super) fn search_accepted(model: &mut Model) -> Vec<Effect> {
    model.log.before_search = None;
    if model.log.wanted.search.is_empty() {
        return Vec::new();
    }
    if model.log.log().hit().is_none() && !with_room(model, Log::go_to_nearest) {
        return nothing_found(model);
    }
    reveal(model);
    Vec::new()
}

pub(super) fn go_to_match(model: &mut Model, by: isize) -> Vec<Effect> {
    if model.log.diagnostics.is_some() {
        return refuse_in_diagnostics(model);
    }
    if model.log.wanted.search.is_empty() {
        return refuse_without_search(model);
    }
    let (seek, again) = if by < 0 {
        (Seek::Older, "no older match: continued at the newest line")
    } else {
        (Seek::Newer, "no newer match: continued at the oldest line")
    };
    match with_room(model, |log, room| log.seek(seek, room)) {
        None => return nothing_found(model),
        Some(true) => model.say(Weight::Normal, again),
        Some(false) => {}
    }
    reveal(model);
    Vec::new()
}

fn nothing_found(model: &mut Model) -> Vec<Effect> {
    let text = format!("no shown line contains {}", model.log.wanted.search);
    model.refused(&text)
}

/// If long lines are cut, scrolls sideways until the match is on the screen.
fn reveal(model: &mut Model) {
    if model.log.long == LongLines::Wrapped {
        return;
    }
    let (columns, _) = pane_size(model);
    let measure = model.log.measure(columns);
    let log = model.log.log();
    let place = log.hit().and_then(|hit| {
        let line = log.ring().get(hit)?;
        let place = log.needle()?.places(&line.text).next()?;
        let at = |byte| columns_before(&line.text, byte);
        Some((at(place.start)..at(place.end), measure.room(line)))
    });
    if let Some((place, room)) = place {
        model.log.log_mut().reveal(place, room);
    }
}

pub(super) fn filter(model: &mut Model) -> Vec<Effect> {
    if model.log.diagnostics.is_some() {
        return refuse_in_diagnostics(model);
    }
    let text = model.log.wanted.filter.clone();
    model.ask_in_prompt(PromptKind::FilterLog, &text)
}

/// Filters by the text while the operator types it. An empty text ends the filter.
pub(super) fn filter_typed(model: &mut Model, text: &str) {
    text.clone_into(&mut model.log.wanted.filter);
    apply(model);
}

pub(super) fn wrap(model: &mut Model) -> Vec<Effect> {
    let key = model.keymap.shown(Action::Wrap);
    let (long, text) = match model.log.long {
        LongLines::Cut => (
            LongLines::Wrapped,
            format!("long lines are wrapped: {key} cuts them again"),
        ),
        LongLines::Wrapped => (
            LongLines::Cut,
            format!("long lines are cut: {key} wraps them"),
        ),
    };
    model.log.long = long;
    model.say(Weight::Normal, &text);
    Vec::new()
}

pub(super) fn timestamps(model: &mut Model) -> Vec<Effect> {
    let key = model.keymap.shown(Action::Timestamps);
    let (times, text) = match model.log.times {
        Times::Shown => (
            Times::Hidden,
            format!("times are hidden: {key} shows them again"),
        ),
        Times::Hidden => (Times::Shown, format!("times are shown: {key} hides them")),
    };
    model.log.times = times;
    model.say(Weight::Normal, &text);
    Vec::new()
}

pub(super) fn since(model: &mut Model) -> Vec<Effect> {
    let since = model.log.since.next();
    model.log.since = since;
    model.log.wanted.since = match since {
        Since::All => None,
        Since::Minutes(minutes) => {
            let back = Duration::from_secs(u64::from(minutes) * 60);
            model.now.checked_sub(back).ok()
        }
    };
    apply(model);
    let text = match model.log.wanted.since {
        None => "lines of any age are shown".to_owned(),
        Some(moment) => format!("lines since {} are shown", local_time::clock(moment)),
    };
    model.say(Weight::Normal, &text);
    Vec::new()
}

pub(super) fn save(model: &mut Model) -> Vec<Effect> {
    let Some(target) = model.log.target.clone() else {
        return model.refused("no target is open, so there is no log to save");
    };
    let (log_name, is_both) = match model.log.kind {
        LogKind::Slot(slot) => (slot.as_str(), false),
        LogKind::Both => ("both", true),
        LogKind::Tasks => ("tasks", false),
        LogKind::Checks => ("checks", false),
        LogKind::Proxy => ("proxy", false),
        LogKind::Steps => ("steps", false),
    };
    let line = |line: &Line| NewLine {
        at: line.at,
        origin: line.origin,
        text: match line.slot.filter(|_| is_both) {
            Some(slot) => format!("{slot:<5} {}", line.text).into(),
            None => Arc::clone(&line.text),
        },
    };
    let lines: Vec<NewLine> = model.log.log().shown().lines(0).map(line).collect();
    if lines.is_empty() {
        return model.refused("no line is shown, so there is nothing to save");
    }
    let when = model.now.strftime("%Y%m%dT%H%M%SZ");
    let name = format!("{}-{log_name}-{when}.log", target.joined());
    vec![Effect::ask(SavedLog { name, lines })]
}

/// Writes the lines to a file, and shows where they were saved, or why they were not.
impl Question for SavedLog {
    type Answer = Result<PathBuf, String>;

    fn ask<'a>(&'a self, backend: &'a dyn Backend) -> Call<'a, Self::Answer> {
        backend.save_log(self.clone())
    }

    fn answered(&self, model: &mut Model, place: Self::Answer) -> Vec<Effect> {
        match place {
            Ok(path) => {
                let lines = match self.lines.len() {
                    1 => "1 line".to_owned(),
                    lines => format!("{lines} lines"),
                };
                let text = format!("{lines} saved to {}", path.display());
                model.say(Weight::Normal, &text);
            }
            Err(why) => model.say(Weight::Prominent, &format!("the log was not saved: {why}")),
        }
        Vec::new()
    }
}

pub(super) fn diagnostics(model: &mut Model) -> Vec<Effect> {
    if model.log.diagnostics.is_some() {
        return close_diagnostics(model);
    }
    model.log.diagnostics = Some(Diagnostics::default());
    model.focus = Pane::Logs;
    vec![Effect::WatchDiagnostics(Watch::On)]
}

pub(super) fn close_diagnostics(model: &mut Model) -> Vec<Effect> {
    match model.log.diagnostics.take() {
        Some(_) => vec![Effect::WatchDiagnostics(Watch::Off)],
        None => Vec::new(),
    }
}

/// Closes the diagnostics, otherwise clears the search, otherwise clears the filter. `None` if there is none of these.
pub(super) fn back(model: &mut Model) -> Option<Vec<Effect>> {
    if model.log.diagnostics.is_some() {
        return Some(close_diagnostics(model));
    }
    if !model.log.wanted.search.is_empty() {
        model.log.wanted.search.clear();
    } else if !model.log.wanted.filter.is_empty() {
        model.log.wanted.filter.clear();
    } else {
        return None;
    }
    apply(model);
    Some(Vec::new())
}
