//! What the screen says about a target without a running release: how its last release ended, and what comes next.

use super::{progress_words, queue_words, text};
use crate::console::action::Action;
use crate::console::model::{Mode, Model};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::history::Outcome;
use crate::inventory::local_time;
use crate::inventory::{
    EntryState, EnvironmentName, Instance, LiveSlot, QueueEntry, Snapshot, Target, newest_pending,
};
use crate::release::Status;

/// How the last release ended, when, and for how long its version was live.
pub(super) fn ended(model: &Model, theme: &Theme, status: &Status) -> (String, Meaning) {
    let mut message = progress_words::in_a_word(theme, status);
    let observed = model.observed_of(status);
    if let Some(at) = observed.and_then(|observed| observed.ended_at) {
        let ago = text::ago(text::seconds(at, model.now));
        message = format!("{message} {ago}");
    }
    if let Some(live) = observed.and_then(|observed| observed.live) {
        message = match live.length() {
            Some(length) => format!("{message}, was live for {}", text::took(length)),
            None => format!("{message}, switched at {}", text::time_of_day(live.since)),
        };
    }
    let outcome = status.outcome();
    if let Some(reason) = outcome.and_then(Outcome::reason) {
        message = format!("{message}: {reason}");
    }
    // Red is only for releases that still need an operator.
    let meaning = match outcome {
        Some(Outcome::NeedsPerson { .. }) => Meaning::Bad,
        _ => Meaning::Muted,
    };
    (message, meaning)
}

/// How the last release ended, in a few words, with its version and operator.
pub(super) fn ended_in_short(model: &Model, theme: &Theme, status: &Status) -> String {
    let plan = &status.plan;
    let mut message = format!(
        "{} {}",
        progress_words::in_a_word(theme, status),
        plan.version.name()
    );
    let observed = model.observed_of(status);
    if let Some(at) = observed.and_then(|observed| observed.ended_at) {
        let ago = text::ago(text::seconds(at, model.now));
        message = format!("{message} {ago}");
    }
    format!("{message} by {}", plan.operator)
}

/// The message in place of the last release if no release is known.
pub(super) fn no_release(model: &Model) -> (String, Meaning) {
    let is_read = model
        .snapshot()
        .is_some_and(|snapshot| snapshot.sources.registry.is_live());
    let message = if is_read {
        "no release of this target is known"
    } else {
        "the releases of this target are not known yet"
    };
    (message.to_owned(), Meaning::Muted)
}

/// What comes next for the open target. The first of these that applies is shown: a lock, an outage, a push that waits
/// for a known reason, a hold, any other push that waits, a version to promote, nothing live. The releases that this
/// console drives in other targets come first.
pub(super) fn next(model: &Model, theme: &Theme) -> (String, Meaning) {
    let (message, meaning) = of_target(model, theme);
    let in_flight: Vec<String> = model
        .in_flight()
        .map(|status| {
            format!(
                "{} {}",
                status.plan.target(),
                progress_words::in_a_word(theme, status)
            )
        })
        .collect();
    if in_flight.is_empty() {
        return (message, meaning);
    }
    let message = format!("running: {}; {message}", in_flight.join("; "));
    let meaning = if meaning == Meaning::Muted {
        Meaning::Busy
    } else {
        meaning
    };
    (message, meaning)
}

fn of_target(model: &Model, theme: &Theme) -> (String, Meaning) {
    let Some(snapshot) = model.snapshot() else {
        return (String::new(), Meaning::Muted);
    };
    // The lock of a release that has ended is about to be released.
    let over = model.release().map(|status| status.plan.release);
    let lock = snapshot.lock.as_ref();
    if let Some(holder) = lock.filter(|holder| Some(holder.record.release) != over) {
        let record = &holder.record;
        let message = format!(
            "{} {} has held the lock of this target since {}: {}",
            theme.glyph(Glyph::Half),
            record.operator,
            text::time_of_day(record.since),
            record.message
        );
        return (message, Meaning::Warn);
    }
    if let Some(outage) = snapshot.outage() {
        let [repair, back] = [Action::Repair, Action::RollBack].map(|it| model.keymap.shown(it));
        let keys = of_keys(
            model,
            format!("; {repair} plans a repair, {back} rolls back"),
        );
        return (format!("next: {outage}{keys}"), Meaning::Bad);
    }
    let push = newest_pending(&snapshot.queue);
    // The reason names the hold if the push waits for the end of a hold.
    let with_reason = |entry: &&QueueEntry| {
        let state = &entry.state;
        matches!(state, EntryState::Waiting { why: Some(_) })
    };
    if let Some(entry) = push.filter(with_reason) {
        return (waiting_push(model, snapshot, entry), Meaning::Warn);
    }
    let holds = snapshot.holds(model.now);
    if let Some(first) = holds.first() {
        let more = match holds.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        let by = snapshot.only_by_clock(first, model.now);
        let by = by.map_or(String::new(), |clock| format!(" (held, because {clock})"));
        let push = push.map_or(String::new(), |entry| {
            let (tag, state) = (&entry.push.tag, queue_words::state(model, entry));
            format!("{tag} {state}; ")
        });
        return (
            format!("next: {push}no promote without an override: {first}{by}{more}"),
            Meaning::Warn,
        );
    }
    if let Some(entry) = push {
        return (waiting_push(model, snapshot, entry), Meaning::Warn);
    }
    let promote = model.keymap.shown(Action::Promote);
    let promotes_it = of_keys(model, format!(", {promote} promotes it"));
    let cleared = cleared(model, snapshot);
    if let Some((environment, other)) = version_to_promote(model, &snapshot.target) {
        let message = format!(
            "next: {} is live in {environment}{promotes_it}{cleared}",
            other.version_name()
        );
        return (message, Meaning::Text);
    }
    if snapshot.live_slot() == LiveSlot::NoSlot {
        let message = if let Some((environment, other)) = live_before(model, &snapshot.target) {
            format!(
                "next: nothing is live yet; {} is live in {environment}{promotes_it}{cleared}",
                other.version_name()
            )
        } else {
            let promotes = of_keys(model, format!(", {promote} promotes a version"));
            format!("next: nothing is live yet{promotes}{cleared}")
        };
        return (message, Meaning::Text);
    }
    let message = match model.mode {
        Mode::ReadOnly => format!("no release is running{cleared}"),
        Mode::Armable(_) => format!("next: {promote} promotes a version{cleared}"),
    };
    (message, Meaning::Muted)
}

/// The line about a push that waits for an agent or an operator.
fn waiting_push(model: &Model, snapshot: &Snapshot, entry: &QueueEntry) -> String {
    let (push, state) = (&entry.push, queue_words::state(model, entry));
    let message = format!("next: {} of {} {state}", push.tag, push.repository);
    if !entry.needs_agent() {
        let promote = model.keymap.shown(Action::Promote);
        return message + &of_keys(model, format!(", {promote} promotes it"));
    }
    if snapshot.agents().next().is_none() {
        return message + "; no agent is running";
    }
    message
}

/// A hint about keys that change the target. It is empty in a read-only console, where these keys only refuse.
fn of_keys(model: &Model, hint: String) -> String {
    match model.mode {
        Mode::ReadOnly => String::new(),
        Mode::Armable(_) => hint,
    }
}

/// A note for the end of the line if a hold was cleared in the last day.
fn cleared(model: &Model, snapshot: &Snapshot) -> String {
    let hold = snapshot.hold.as_ref();
    let cleared = hold.and_then(|hold| hold.cleared.as_ref());
    let is_new = |at: jiff::Timestamp| text::seconds(at, model.now) < 24 * 60 * 60;
    cleared
        .filter(|it| is_new(it.at))
        .map_or_else(String::new, |cleared| {
            let at = local_time::moment(cleared.at);
            crate::sanitize::sanitize(&format!("; hold cleared by {} at {at}", cleared.by))
        })
}

/// The version that is live in the nearest earlier environment with a live version. `None` if nothing is live in this
/// target, if both targets have the same version, or if that version is known to be older.
fn version_to_promote<'a>(
    model: &'a Model,
    target: &Target,
) -> Option<(&'a EnvironmentName, &'a Instance)> {
    let live = observed_live(model, target)?;
    let (environment, other) = live_before(model, target)?;
    let is_older = match (live.labels.built_at(), other.labels.built_at()) {
        (Some(live), Some(other)) => other < live,
        _ => false,
    };
    (other.digest != live.digest && !is_older).then_some((environment, other))
}

/// The nearest environment before the environment of `target`, in the configured order, that has a live version; and
/// the instance of that version.
fn live_before<'a>(
    model: &'a Model,
    target: &Target,
) -> Option<(&'a EnvironmentName, &'a Instance)> {
    let environments = &model.world.environments;
    let position = environments
        .iter()
        .position(|(name, _)| *name == target.environment)?;
    let mut before = environments.iter().take(position).rev();
    before.find_map(|(name, _)| {
        let other = Target::new(target.service.clone(), name.clone());
        Some((name, observed_live(model, &other)?))
    })
}

/// The live instance of a target. `None` while the runtime or the store does not answer, because the last observation
/// may be old.
fn observed_live<'a>(model: &'a Model, target: &Target) -> Option<&'a Instance> {
    let snapshot = model.world.get(target)?;
    let sources = &snapshot.sources;
    let is_known = sources.runtime.is_live() && sources.registry.is_live();
    snapshot.live_instance().filter(|_| is_known)
}
