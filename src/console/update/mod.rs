//! The behaviour of the console. [`update`] applies one event to the model and returns the effects to carry out. The
//! functions in this module use no terminal, no channel and no clock, so tests call them directly.

pub(super) mod approving;
pub(super) mod change;
mod check_page;
mod details;
mod dialog;
mod follow;
mod handover;
pub(super) mod handover_request;
pub(super) mod history;
mod history_pages;
mod keys;
mod logs;
pub(super) mod look;
mod matrix;
mod mouse;
mod prompt;
mod release;
mod reload;
mod repair;
mod sample_push;
mod slots_page;
mod small;
mod steps;
mod stored;
pub(super) mod target;
mod timeline;
mod waits;
mod world;

use jiff::Timestamp;

pub use handover_request::{RequestHandover, WithdrawRequest};
pub use history::ReadHistory;
pub use repair::PlanRepair;
pub use timeline::ReadTimeline;

use super::action::Action;
use super::dialogs::{Picker, picker};
use super::effect::{Effect, ExitReason, QuestionGroup};
use super::event::{Event, Input};
use super::layout;
use super::model::{Model, Weight};
use crate::inventory::ReleaseId;
use crate::sanitize::sanitize;

/// Applies an event that arrived at the time `now`.
pub fn update(model: &mut Model, event: Event, now: Timestamp) -> Vec<Effect> {
    let was_picking = is_picking(model);
    let may_add_items = waits::may_add_items(&event);
    let mut effects = apply(model, event, now);
    if may_add_items {
        effects.extend(waits::observed(model));
    }
    if was_picking && !is_picking(model) {
        effects.push(Effect::Cancel(QuestionGroup::Picker));
    }
    effects.extend(timeline::ask(model));
    effects
}

fn is_picking(model: &Model) -> bool {
    model.shown::<Picker>().is_some()
}

fn apply(model: &mut Model, event: Event, now: Timestamp) -> Vec<Effect> {
    model.now = now;
    let expired = expire(model);
    match event {
        // A key that was meant for an expired question must not reach the screen under the dialog.
        Event::Input(Input::Key(_) | Input::Paste(_)) if expired => Vec::new(),
        Event::Input(input) => on_input(model, input),
        Event::Answered(answer) => answer.handle(model),
        Event::WorldObserved(world) => {
            let mut effects = reload::come_back(model, &world);
            effects.extend(world::observed(model, world));
            picker::arrange(model);
            effects.extend(handover_request::observed(model));
            effects
        }
        Event::ReleasesObserved(releases) => {
            let mut effects = release::observed(model, releases);
            matrix::list(model);
            effects.extend(handover_request::observed(model));
            effects
        }
        Event::ReleaseMoved(status) => {
            let effects = release::moved(model, &status);
            matrix::list(model);
            effects
        }
        Event::DriverGone(release) => {
            let effects = release::driver_gone(model, release);
            matrix::list(model);
            effects
        }
        Event::LogArrived { source, batch } => {
            model.log.arrived(&source, batch);
            Vec::new()
        }
        Event::Announced {
            target,
            announcement,
        } => {
            steps::announced(model, &target, &announcement);
            Vec::new()
        }
        Event::RepairMoved { target, news } => repair::moved(model, &target, news),
        Event::RepairRefused { target, refused } => repair::refused(model, &target, &refused),
        Event::CommandLost { release, why } => command_lost(model, release, &why),
        Event::HistoryKept => history::archive_updated(model),
        Event::HistoryNotKept { why } => {
            model.remark_once(&format!(
                "the history on this machine cannot be updated: {why}"
            ));
            Vec::new()
        }
        Event::ConfigurationObserved(found) => reload::observed(model, found),
        Event::Ticked => handover_request::observed(model),
        Event::DiagnosticsMoved => Vec::new(),
    }
}

fn on_input(model: &mut Model, input: Input) -> Vec<Effect> {
    let is_too_small = layout::is_too_small(model.size);
    match one_line(input) {
        Input::Key(key) if is_too_small => small::pressed(model, key),
        Input::Paste(_) | Input::Mouse(_) if is_too_small => Vec::new(),
        Input::Key(key) if model.dialog.is_some() => dialog::pressed(model, key),
        Input::Key(key) => match model.prompt.take() {
            Some(prompt) => prompt::pressed(model, prompt, key),
            None => keys::pressed(model, key),
        },
        Input::Paste(text) if model.dialog.is_none() && model.prompt.is_some() => {
            prompt::pasted(model, &text)
        }
        Input::Paste(text) => dialog::pasted(model, &text),
        Input::Resized(width, height) => {
            model.size = (width, height);
            Vec::new()
        }
        Input::Mouse(event) => mouse::handle(model, event),
        Input::Continued => {
            // Another program may have drawn on the terminal while the console was stopped.
            vec![Effect::Resume]
        }
        Input::Signal(name) => vec![Effect::Leave(ExitReason::Signal(name))],
        Input::Lost => vec![Effect::Leave(ExitReason::TerminalLost)],
    }
}

/// Joins the lines of a pasted text with spaces. Terminals send line ends as carriage returns, which must not reach
/// the screen.
fn one_line(input: Input) -> Input {
    match input {
        Input::Paste(text) => {
            let lines = text.split(['\r', '\n']);
            let lines = lines.map(|line| sanitize(line).trim().to_owned());
            let lines: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
            Input::Paste(lines.join(" "))
        }
        other => other,
    }
}

/// Ends the arming, the notice and the confirmation that have expired. Returns whether a confirmation was closed.
fn expire(model: &mut Model) -> bool {
    let now = model.now;
    if model.armed.as_ref().is_some_and(|armed| now >= armed.until) {
        model.armed = None;
    }
    if model
        .notice
        .as_ref()
        .is_some_and(|notice| now >= notice.until)
    {
        model.notice = None;
    }
    let dialog = model.dialog.as_ref();
    let expires_at = dialog.and_then(|dialog| dialog.expires_at());
    let expired = expires_at.is_some_and(|at| now >= at);
    if expired {
        model.dialog = None;
        model.leaving = false;
        let text = "This confirmation expired. Nothing was changed.";
        model.say(Weight::Prominent, text);
    }
    expired
}

fn command_lost(model: &mut Model, release: ReleaseId, why: &str) -> Vec<Effect> {
    // The footer cuts a long line, so the key comes before the reason.
    let text = format!(
        "release {} did not get the command: {} resumes it if it has not ended ({why})",
        release.short(),
        model.keymap.shown(Action::Resume)
    );
    model.refused(&text)
}
