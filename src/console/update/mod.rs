//! From an event to the next model and what has to be done: all the console's behaviour, pure.
//! Knows no terminal, no channel and no clock.

mod change;
mod choose;
mod confirm;
mod details;
mod dialog;
mod keys;
mod release;
mod world;

use jiff::Timestamp;

use super::effect::Effect;
use super::event::{Event, Input};
use super::model::{Dialog, Model, Notice, Weight};
use super::run::Farewell;

/// Takes an event in at a moment.
pub fn update(model: &mut Model, event: Event, now: Timestamp) -> Vec<Effect> {
    model.now = now;
    let voided = expire(model);
    match event {
        // A key meant for a question that is void may not reach what is under it.
        Event::Input(Input::Key(_) | Input::Paste(_)) if voided => Vec::new(),
        Event::Input(input) => on_input(model, input),
        Event::WorldObserved(world) => world::observed(model, world),
        Event::ReleaseMoved(status) => release::moved(model, &status),
        Event::DriverGone(release) => release::driver_gone(model, release),
        Event::LogArrived { source, batch } => {
            // Lines of a log that was just left are on their way for a moment.
            if model.log.source.as_ref() == Some(&source) {
                model.log.ring.extend(batch);
            }
            Vec::new()
        }
        Event::VersionsListed { target, versions } => {
            choose::listed(model, &target, versions);
            Vec::new()
        }
        Event::Planned { asked, plan } => {
            confirm::planned(model, asked, plan);
            Vec::new()
        }
        Event::BeginRefused { target, refused } => {
            let title = format!("{target} was not begun");
            confirm::refuse(model, title, &refused);
            Vec::new()
        }
        Event::CommandLost { release, why } => {
            let text = format!("release {} did not hear it: {why}", release.short());
            say(model, Weight::Refused, &text);
            Vec::new()
        }
        Event::Ticked => Vec::new(),
    }
}

fn on_input(model: &mut Model, input: Input) -> Vec<Effect> {
    match input {
        Input::Key(key) if model.dialog.is_some() => dialog::pressed(model, key),
        Input::Key(key) => keys::pressed(model, key),
        Input::Paste(text) => {
            dialog::pasted(model, &text);
            Vec::new()
        }
        Input::Resized(width, height) => {
            model.size = (width, height);
            Vec::new()
        }
        Input::Signal(name) => vec![Effect::Leave(Farewell::Signal(name))],
        Input::Lost => vec![Effect::Leave(Farewell::TerminalLost)],
    }
}

/// Ends what is over by time; whether that closed a question.
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
    let void = matches!(&model.dialog, Some(Dialog::Confirm(confirm)) if now >= confirm.expires_at);
    if void {
        model.dialog = None;
        model.leaving = false;
        let text = "that question waited too long and is void: nothing was done";
        say(model, Weight::Refused, text);
    }
    void
}

fn say(model: &mut Model, weight: Weight, text: &str) {
    model.notice = Some(Notice::new(weight, text, model.now));
}

fn refused(model: &mut Model, text: &str) -> Vec<Effect> {
    say(model, Weight::Refused, text);
    Vec::new()
}
