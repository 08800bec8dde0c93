//! The driver's side of a handover: a request is announced once, and answered with yes, no or later. Also:
//! if another console is observed to drive the release, the driver checks its lock.

use crossterm::event::KeyCode;

use crate::console::action::Action;
use crate::console::effect::Effect;
use crate::console::model::{Dialog, Hand, Handover, Model, Weight};
use crate::inventory::{HandoverRequest, Operator, Target};
use crate::release::{Command, Status};
use crate::sanitize::sanitize;

/// Another console is observed to drive a release that this console drives: the driver checks its lock at
/// once, and not only with its next write.
pub(super) fn doubt(model: &mut Model) -> Vec<Effect> {
    if model.console.is_empty() {
        return Vec::new();
    }
    // Another console took this release over, or started a later one and ended the standby of this one.
    let doubted = model.in_flight().find_map(|status| {
        let target = status.plan.target();
        let release = status.plan.release;
        let told = model.told.get(target).and_then(|told| told.driver.as_ref());
        let lock = model.world.get(target).and_then(|seen| seen.lock.as_ref());
        let taken = told.filter(|driver| driver.release == release);
        let ended = lock.map(|holder| &holder.record);
        let ended = ended.filter(|driver| driver.release > release);
        let mut others = taken.into_iter().chain(ended);
        let other = others.find(|driver| !model.is_here(&driver.console))?;
        Some((status.plan.release, other.console.clone()))
    });
    let Some((release, console)) = doubted else {
        model.doubted = None;
        return Vec::new();
    };
    if model.doubted.as_ref() == Some(&console) {
        return Vec::new();
    }
    model.doubted = Some(console);
    vec![Effect::Say {
        release,
        command: Command::LookAtLock,
    }]
}

/// Announces once that another operator requests the handover.
pub(super) fn hear(model: &mut Model) {
    let flying: Vec<Target> = model
        .in_flight()
        .map(|status| status.plan.target().clone())
        .collect();
    for target in flying {
        let Some(asked) = model.asked_here(&target).cloned() else {
            continue;
        };
        let known = model.heard.get(&target);
        if known.is_some_and(|known| known.is_same(&asked)) {
            continue;
        }
        let resume_key = model.keymap.shown(Action::Resume);
        let message = asked.message.as_ref();
        let message = message.map_or(String::new(), |words| format!(", \"{words}\""));
        let text = format!(
            "{} asks to take over {target}{message}: {resume_key} answers",
            asked.operator
        );
        super::say(model, Weight::Refused, &text);
        model.heard.insert(target, asked);
    }
}

/// Opens the question about a request for the handover of a target. Returns whether there is one.
pub(super) fn is_asked(model: &mut Model, target: &Target) -> bool {
    let asked = model.asked_here(target).cloned();
    let status = model.releases.get(target).cloned();
    let Some((asked, status)) = asked.zip(status) else {
        return false;
    };
    model.dialog = Some(Dialog::Handover(Handover {
        status,
        asked,
        row: 0,
    }));
    true
}

/// Closes the question when the request was withdrawn or has expired.
pub(super) fn void_stale(model: &mut Model) {
    let Some(Dialog::Handover(handover)) = &model.dialog else {
        return;
    };
    let current = model.asked_here(handover.status.plan.target());
    if !current.is_some_and(|asked| asked.is_same(&handover.asked)) {
        let text = format!("{} no longer asks to take over", handover.asked.operator);
        model.dialog = None;
        super::say(model, Weight::Refused, &text);
    }
}

pub(super) fn pressed(model: &mut Model, mut handover: Handover, key: KeyCode) -> Vec<Effect> {
    match key {
        KeyCode::Esc => later(model),
        KeyCode::Enter => {
            let hand = Hand::ALL.get(handover.row).copied();
            answer(model, handover, hand.unwrap_or(Hand::Later))
        }
        _ => {
            handover.row = super::dialog::moved(handover.row, Hand::ALL.len(), key);
            model.dialog = Some(Dialog::Handover(handover));
            Vec::new()
        }
    }
}

fn later(model: &mut Model) -> Vec<Effect> {
    let resume_key = model.keymap.shown(Action::Resume);
    let text = format!("not answered: {resume_key} opens the request again");
    super::say(model, Weight::Told, &text);
    Vec::new()
}

fn answer(model: &mut Model, handover: Handover, hand: Hand) -> Vec<Effect> {
    if hand == Hand::Later {
        return later(model);
    }
    let target = handover.status.plan.target().clone();
    if model.open.as_ref() != Some(&target) || !model.is_armed() {
        let arm = model.keymap.shown(Action::Arm);
        let text = format!("read-only: {arm} arms {target}, then answer again");
        model.dialog = Some(Dialog::Handover(handover));
        return super::refused(model, &text);
    }
    let Handover { status, asked, .. } = handover;
    if hand == Hand::Keep {
        let text = format!("{} is told that you keep driving", asked.operator);
        super::say(model, Weight::Told, &text);
        return vec![Effect::DeclineHandover { target, asked }];
    }
    hand_over(model, &status, asked)
}

fn hand_over(model: &mut Model, status: &Status, asked: HandoverRequest) -> Vec<Effect> {
    let text = format!(
        "{} drives it as soon as the current act has been observed",
        asked.operator
    );
    super::say(model, Weight::Told, &text);
    vec![Effect::Say {
        release: status.plan.release,
        command: Command::HandOver {
            // It was read in the shared store, and is written there again.
            to: Operator {
                name: sanitize(&asked.operator.name),
                host: sanitize(&asked.operator.host),
            },
            console: asked.console,
            by: model.operator.clone(),
        },
    }]
}
