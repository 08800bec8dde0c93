//! The driver's side of a handover: announces a request once, and lets the operator hand over, refuse or answer later.
//! If another console is observed to drive a release of this console, tells the driver in this console to check its
//! lock.

use crossterm::event::KeyCode;

use crate::console::action::Action;
use crate::console::effect::Effect;
use crate::console::model::{Dialog, Hand, Handover, Model, Weight};
use crate::inventory::{HandoverRequest, Operator, Target};
use crate::release::{Command, Status};
use crate::sanitize::sanitize;

/// If another console is observed to drive a release of this console, tells the driver in this process to check its
/// lock immediately, and not only with its next write.
pub(super) fn check_lock(model: &mut Model) -> Vec<Effect> {
    if model.console.is_empty() {
        return Vec::new();
    }
    // Another console took over this release, or started a later release and superseded this release.
    let competing = model.in_flight().find_map(|status| {
        let target = status.plan.target();
        let release = status.plan.release;
        let observed = model.releases_observed.get(target);
        let driver = observed.and_then(|observed| observed.driver.as_ref());
        let snapshot = model.world.get(target);
        let lock = snapshot.and_then(|snapshot| snapshot.lock.as_ref());
        let took_over = driver.filter(|driver| driver.release == release);
        let superseded = lock.map(|holder| &holder.record);
        let superseded = superseded.filter(|driver| driver.release > release);
        let mut drivers = took_over.into_iter().chain(superseded);
        let other = drivers.find(|driver| !model.is_here(&driver.console))?;
        Some((status.plan.release, other.console.clone()))
    });
    let Some((release, console)) = competing else {
        model.competing_console = None;
        return Vec::new();
    };
    if model.competing_console.as_ref() == Some(&console) {
        return Vec::new();
    }
    model.competing_console = Some(console);
    vec![Effect::Say {
        release,
        command: Command::LookAtLock,
    }]
}

/// Announces each new request for the handover of a release that this console drives.
pub(super) fn announce(model: &mut Model) {
    let driven: Vec<Target> = model
        .in_flight()
        .map(|status| status.plan.target().clone())
        .collect();
    for target in driven {
        let Some(request) = model.request_to_us(&target).cloned() else {
            continue;
        };
        let announced = model.announced_requests.get(&target);
        if announced.is_some_and(|announced| announced.is_same(&request)) {
            continue;
        }
        let resume_key = model.keymap.shown(Action::Resume);
        let message = request.message.as_ref();
        let message = message.map_or(String::new(), |message| format!(", \"{message}\""));
        let first = if model.open.as_ref() == Some(&target) {
            ""
        } else {
            "open the target, then "
        };
        let text = format!(
            "{} requests the handover of {target}{message}: {first}{resume_key} answers",
            request.operator
        );
        super::say(model, Weight::Prominent, &text);
        model.announced_requests.insert(target, request);
    }
}

/// If another console requests the handover of a release that this console drives, opens the question about the
/// request. Returns whether there is such a request.
pub(super) fn open_request(model: &mut Model, target: &Target) -> bool {
    let request = model.request_to_us(target).cloned();
    let status = model.releases.get(target).cloned();
    let Some((request, status)) = request.zip(status) else {
        return false;
    };
    model.dialog = Some(Dialog::Handover(Handover {
        status,
        request,
        row: 0,
    }));
    true
}

/// Closes the question about a request that is no longer open: it was withdrawn or answered, it has expired, or this
/// console no longer drives the release.
pub(super) fn close_outdated(model: &mut Model) {
    let Some(Dialog::Handover(handover)) = &model.dialog else {
        return;
    };
    let current = model.request_to_us(handover.status.plan.target());
    if !current.is_some_and(|current| current.is_same(&handover.request)) {
        let text = format!(
            "the request of {} for the handover is no longer open",
            handover.request.operator
        );
        model.dialog = None;
        super::say(model, Weight::Prominent, &text);
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
    let text = format!("the request was not answered: {resume_key} opens it again");
    super::say(model, Weight::Normal, &text);
    Vec::new()
}

fn answer(model: &mut Model, handover: Handover, hand: Hand) -> Vec<Effect> {
    if hand == Hand::Later {
        return later(model);
    }
    let target = handover.status.plan.target().clone();
    if model.open.as_ref() != Some(&target) || !model.is_armed() {
        let arm = model.keymap.shown(Action::Arm);
        let text = format!("not armed: {arm} arms {target}, then answer again");
        model.dialog = Some(Dialog::Handover(handover));
        return super::refused(model, &text);
    }
    let Handover {
        status, request, ..
    } = handover;
    if hand == Hand::Keep {
        let text = format!(
            "you keep driving, and your refusal is sent to {}",
            request.operator
        );
        super::say(model, Weight::Normal, &text);
        return vec![Effect::DeclineHandover { target, request }];
    }
    hand_over(model, &status, request)
}

fn hand_over(model: &mut Model, status: &Status, request: HandoverRequest) -> Vec<Effect> {
    let text = format!(
        "the release is handed over to {} as soon as the current step is done",
        request.operator
    );
    super::say(model, Weight::Normal, &text);
    vec![Effect::Say {
        release: status.plan.release,
        command: Command::HandOver {
            // The name and the host come from the shared store and are written to the journal, so they are sanitized.
            to: Operator {
                name: sanitize(&request.operator.name),
                host: sanitize(&request.operator.host),
            },
            console: request.console,
            by: model.operator.clone(),
        },
    }]
}
