//! What the screen says about other operators: who holds a lock, who watches, who requests a handover, and why a driver
//! stopped driving.

use super::text;
use crate::console::action::Action;
use crate::console::model::Model;
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::inventory::LockHolder;
use crate::release::{DriverStopped, Interrupted};
use crate::sanitize::sanitize;

/// Shown if the last driver of a release recorded no reason why it stopped.
pub(in crate::console) const CUT_OFF: &str = "The driver stopped and recorded no reason, for example because it was killed or lost its connection. It no longer holds the lock.";

/// The most watchers that are named.
const NAMED: usize = 6;

/// `watched by ben@ops-2, cleo@ops-3`. `None` if no console watches. The console that holds the lock is not counted.
pub(in crate::console) fn watched_by(model: &Model) -> Option<String> {
    let watching = model.watching();
    if watching.is_empty() {
        return None;
    }
    let mut names: Vec<String> = watching
        .iter()
        .take(NAMED)
        .map(|watcher| {
            if model.is_this_console(&watcher.console) {
                "you".to_owned()
            } else {
                sanitize(&watcher.operator.to_string())
            }
        })
        .collect();
    if watching.len() > NAMED {
        names.push(format!("{} more", watching.len() - NAMED));
    }
    Some(format!("watched by {}", names.join(", ")))
}

/// `The driver left the release at 14:02:11: the operator quit the console`.
pub(in crate::console) fn driver_stopped(driver_stopped: &DriverStopped) -> String {
    let at = text::time_of_day(driver_stopped.at);
    sanitize(&format!(
        "The driver left the release at {at}: {}",
        driver_stopped.reason
    ))
}

/// The line about the operator who requests the handover of the open target's release. `None` if there is no unanswered
/// request.
pub(super) fn handover_request(model: &Model, theme: &Theme) -> Option<(String, Meaning)> {
    let request = model.current_request()?;
    let hand = theme.glyph(Glyph::Hand);
    let age = text::clock(text::seconds(request.asked_at, model.now));
    let message = request.message.as_ref();
    let message = message.map_or(String::new(), |message| format!(", \"{message}\""));
    let resume_key = model.keymap.shown(Action::Resume);
    let is_ours = model.release_in_flight().is_some();
    let requester = if model.is_this_console(&request.console) {
        "you ask".to_owned()
    } else {
        format!("{} asks", request.operator)
    };
    let answer = if is_ours {
        format!("; {resume_key} answers")
    } else {
        String::new()
    };
    let message = format!("{hand} {requester} to take over (waiting {age}){message}{answer}");
    let meaning = if is_ours {
        Meaning::Warn
    } else {
        Meaning::Muted
    };
    Some((sanitize(&message), meaning))
}

/// `ben@ops-2 has driven the release since 14:01:11, from console ben@ops-2 4711 01JD4; the lease has 27 s left`. If
/// the lock is held for something else, the text says for what.
pub(in crate::console) fn lock_held_by(found: &Interrupted, holder: &LockHolder) -> String {
    let record = &holder.record;
    let left = holder.ttl_seconds.map_or(String::new(), |left| {
        format!("; the lease has {left} s left")
    });
    let verb_phrase = match found.driver() {
        Some(_) => "has driven the release".to_owned(),
        None => format!("has held the lock ({})", record.message),
    };
    format!(
        "{} {verb_phrase} since {}, from console {}{left}",
        record.operator,
        text::time_of_day(record.since),
        record.console
    )
}

/// The consequence of taking the lock from a console or command that is still running.
pub(in crate::console) const TAKEOVER_CONSEQUENCE: &str = "the lock holder's next write is refused, and the holder stops. An action in progress \
     may still complete: its result is observed first";
