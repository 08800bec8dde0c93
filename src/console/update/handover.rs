//! The driver's side of a handover: announces a request once, and closes the question about a request that is no longer
//! open. If another console is observed to drive a release of this console, tells the driver in this console to check
//! its lock.

use crate::console::action::Action;
use crate::console::dialogs::Handover;
use crate::console::effect::Effect;
use crate::console::model::{Model, Weight};
use crate::inventory::Target;
use crate::release::Command;

/// If another console is observed to drive a release of this console, tells the driver in this process to check its
/// lock immediately, and not only with its next write.
pub(super) fn check_lock(model: &mut Model) -> Vec<Effect> {
    if model.console.is_empty() {
        return Vec::new();
    }
    // The console that took over a release of this console, or that superseded it with a later release.
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
        let other = drivers.find(|driver| !model.is_this_console(&driver.console))?;
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
    vec![Effect::Send {
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
        model.say(Weight::Prominent, &text);
        model.announced_requests.insert(target, request);
    }
}

/// Closes the question about a request that is no longer open: it was withdrawn or answered, it has expired, or this
/// console no longer drives the release.
pub(super) fn close_outdated(model: &mut Model) {
    let Some(handover) = model.shown::<Handover>() else {
        return;
    };
    let current = model.request_to_us(handover.status.plan.target());
    if !current.is_some_and(|current| current.is_same(&handover.request)) {
        let text = format!(
            "the request of {} for the handover is no longer open",
            handover.request.operator
        );
        model.dialog = None;
        model.say(Weight::Prominent, &text);
    }
}
