//! The capitals: every key that leads to a change. Each one opens a question or says why it cannot.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{choose, handover, holding, reason, repair, resuming};
use crate::console::action::Action;
use crate::console::effect::Effect;
use crate::console::model::{
    Armed, Button, Confirm, Dialog, Mode, Model, Question, Weight, rests_before_switch,
};
use crate::history::Step;
use crate::inventory::local_time;
use crate::inventory::{Role, Slot, SourceState, Target};
use crate::release::describe::duration;
use crate::release::{
    Command, Intent, Need, Observed, Progress, Status, Wanted, need_back, need_of,
};

/// With less time left than this, the key that arms a target renews the arming: the operator is about to act.
const RENEWED: Duration = Duration::from_mins(1);

/// The open target, if it can be changed now; else says why not.
pub(super) fn armed_target(model: &mut Model) -> Option<Target> {
    let Some(target) = model.open.clone() else {
        super::say(
            model,
            Weight::Refused,
            "no target is open: Enter opens the one under the cursor",
        );
        return None;
    };
    if model.is_armed() {
        return Some(target);
    }
    let text = match model.mode {
        Mode::ReadOnly => format!("{target} cannot be changed: {}", model.read_only),
        Mode::Armable(_) => {
            let arm = model.keymap.shown(Action::Arm);
            format!("read-only: {arm} arms {target}, then press that key again")
        }
    };
    super::say(model, Weight::Refused, &text);
    None
}

pub(super) fn arm(model: &mut Model) -> Vec<Effect> {
    let Some(target) = model.open.clone() else {
        return super::refused(
            model,
            "no target is open: Enter opens the one under the cursor",
        );
    };
    let Mode::Armable(life) = model.mode else {
        let text = format!("{}: nothing can be armed", model.read_only);
        return super::refused(model, &text);
    };
    let left = model
        .armed
        .as_ref()
        .map(|armed| armed.until.duration_since(model.now));
    let is_renewed = left.is_some_and(|left| left.unsigned_abs() < (life / 4).min(RENEWED));
    if model.is_armed() && !is_renewed {
        model.armed = None;
        super::say(model, Weight::Told, &format!("{target} is read-only again"));
        return Vec::new();
    }
    let Ok(until) = model.now.checked_add(life) else {
        return super::refused(
            model,
            "the system clock is out of range: nothing can be armed",
        );
    };
    super::say(
        model,
        Weight::Told,
        &format!("{target} can be changed until {}", local_time::clock(until)),
    );
    model.armed = Some(Armed { target, until });
    Vec::new()
}

/// The answer to a key that commands a release which this console does not drive.
pub(super) fn not_here(model: &Model, otherwise: &str) -> String {
    let Some(observed) = model.elsewhere() else {
        return otherwise.to_owned();
    };
    let release = observed.status.plan.release.short();
    match &observed.driver {
        Some(driver) => format!(
            "release {release} is driven by {}: watch it here; {} asks to take it over, or takes it",
            driver.operator,
            model.keymap.shown(Action::Resume)
        ),
        None if observed.is_interrupted() => {
            let resume_key = model.keymap.shown(Action::Resume);
            format!(
                "release {release} was interrupted and has no driver: {resume_key} resumes it, \
                 or backs it out"
            )
        }
        None => otherwise.to_owned(),
    }
}

/// Why no release can start here now. A standby is no reason, no matter who drives it: the new release ends it.
fn in_the_way(model: &Model, target: &Target) -> Option<String> {
    if model.is_in_standby(target) {
        return None;
    }
    busy(model)
}

/// Why no other release can start here now.
fn busy(model: &Model) -> Option<String> {
    if model.elsewhere().is_some_and(Observed::is_driven) {
        return Some(not_here(model, ""));
    }
    let status = model.release_in_flight()?;
    Some(format!(
        "release {} of {} is in flight: {} answers it, {} backs it out",
        status.plan.release.short(),
        status.plan.target(),
        model.keymap.shown(Action::Approve),
        model.keymap.shown(Action::BackOut)
    ))
}

pub(super) fn promote(model: &mut Model) -> Vec<Effect> {
    let Some(target) = armed_target(model) else {
        return Vec::new();
    };
    if let Some(why) = in_the_way(model, &target) {
        return super::refused(model, &why);
    }
    choose::open(model, target, Intent::Promote)
}

pub(super) fn roll_back(model: &mut Model) -> Vec<Effect> {
    let Some(target) = armed_target(model) else {
        return Vec::new();
    };
    if let Some(why) = in_the_way(model, &target) {
        return super::refused(model, &why);
    }
    let standby = model.snapshot().and_then(|snapshot| {
        let slot = Slot::BOTH
            .into_iter()
            .find(|slot| snapshot.role(*slot) == Role::Standby)?;
        let instance = snapshot.slots.get(slot).instance.as_ref()?;
        Some(instance.version_name().to_owned())
    });
    let Some(name) = standby else {
        let is_unknown = model.snapshot().is_none_or(|snapshot| {
            Slot::BOTH
                .into_iter()
                .any(|slot| snapshot.role(slot) == Role::Unknown)
        });
        let text = if is_unknown {
            format!("it is unknown whether {target} keeps a version warm: not every source answers")
        } else {
            format!("{target} keeps no version warm: the version you choose is started again")
        };
        super::say(model, Weight::Told, &text);
        return choose::open(model, target, Intent::GoBack);
    };
    let name = crate::sanitize::sanitize(&name);
    reason::go_back(model, target, Wanted::Standby, name)
}

pub(super) fn hold(model: &mut Model) -> Vec<Effect> {
    match armed_target(model) {
        Some(target) => holding::begin(model, target),
        None => Vec::new(),
    }
}

pub(super) fn back_out(model: &mut Model) -> Vec<Effect> {
    if armed_target(model).is_none() {
        return Vec::new();
    }
    let Some(status) = model.release_in_flight().cloned() else {
        let otherwise = "no release of this console is in flight here: R rolls back";
        let text = not_here(model, otherwise);
        return super::refused(model, &text);
    };
    if matches!(status.progress, Progress::Back(_)) {
        return super::refused(model, "it is already being backed out");
    }
    ask_back_out(model, status, None);
    Vec::new()
}

/// Asks for confirmation before a release is undone. The note is kept in the history.
pub(super) fn ask_back_out(model: &mut Model, status: Arc<Status>, note: Option<String>) {
    let need = need_back(status.may_have_switched, status.plan.tier());
    ask(model, Question::BackOut(status), need);
    if let Some(Dialog::Confirm(confirm)) = &mut model.dialog {
        confirm.note = note;
    }
}

pub(super) fn end_standby(model: &mut Model) -> Vec<Effect> {
    if armed_target(model).is_none() {
        return Vec::new();
    }
    let standing = model
        .release_in_flight()
        .filter(|status| matches!(status.progress, Progress::Standby { .. }))
        .cloned();
    let Some(status) = standing else {
        let otherwise = "no release of this console keeps a version warm here";
        let text = not_here(model, otherwise);
        return super::refused(model, &text);
    };
    // The approval that *stop* needs is asked for here, so that it does not ask again when it starts.
    let need = need_of(&status.plan, Step::Stop).max(Need::Confirmation);
    ask(model, Question::EndStandby(status), need);
    Vec::new()
}

/// What to wait for before a release can be resumed: its state is unknown without its store.
fn store_is_away(model: &Model, target: &Target) -> Option<String> {
    let snapshot = model.world.get(target)?;
    let SourceState::Stale {
        since, retry_at, ..
    } = &snapshot.sources.registry
    else {
        return None;
    };
    let seconds = |from: Timestamp, to: Timestamp| {
        let whole = to.duration_since(from).as_secs().try_into().unwrap_or(0);
        duration(Duration::from_secs(whole))
    };
    let again = match retry_at.filter(|at| *at > model.now) {
        Some(at) => format!("in {}", seconds(model.now, at)),
        None => "now".to_owned(),
    };
    let resume_key = model.keymap.shown(Action::Resume);
    Some(format!(
        "{target}: the store has not answered for {}, next attempt {again}. {resume_key} resumes the release as soon as it answers; until then everything stays as it is",
        seconds(*since, model.now)
    ))
}

/// Reads a release that has no driver or another driver, and asks what to do with it. If another operator
/// requests the handover of this console's release, asks about that first.
pub(super) fn resume(model: &mut Model) -> Vec<Effect> {
    let Some(target) = armed_target(model) else {
        return Vec::new();
    };
    if handover::is_asked(model, &target) {
        return Vec::new();
    }
    let is_open = |told: &Observed| told.is_driven() || told.is_interrupted();
    let is_open = model.elsewhere().is_some_and(is_open) || model.is_lost_here(&target);
    if let Some(text) = store_is_away(model, &target).filter(|_| is_open) {
        return super::refused(model, &text);
    }
    if !is_open {
        let otherwise = "there is nothing to resume, take over or hand over here";
        let text = not_here(model, otherwise);
        return super::refused(model, &text);
    }
    resuming::begin(model, target)
}

/// Plans a repair of the open target, then asks for confirmation.
pub(super) fn repair(model: &mut Model) -> Vec<Effect> {
    let Some(target) = armed_target(model) else {
        return Vec::new();
    };
    if let Some(why) = busy(model) {
        return super::refused(model, &why);
    }
    if model.elsewhere().is_some_and(Observed::is_interrupted) {
        let text = not_here(model, "");
        return super::refused(model, &text);
    }
    repair::begin(model, target)
}

/// Needs no confirmation: it undoes nothing, and earlier results do not count for longer because of it.
pub(super) fn check_again(model: &mut Model) -> Vec<Effect> {
    if armed_target(model).is_none() {
        return Vec::new();
    }
    let Some(status) = model.release_in_flight().cloned() else {
        let otherwise = "no release of this console is in flight here: P starts one";
        let text = not_here(model, otherwise);
        return super::refused(model, &text);
    };
    if !rests_before_switch(&status.progress) {
        let text = "checks are run again only while register or switch waits for approval";
        return super::refused(model, text);
    }
    super::say(model, Weight::Told, "the checks are running again");
    let by = model.operator.clone();
    vec![Effect::Say {
        release: status.plan.release,
        command: Command::CheckAgain { by },
    }]
}

/// Opens a question, with the focus on the answer that changes nothing.
pub(super) fn ask(model: &mut Model, question: Question, need: Need) {
    let life = question.definition().timing.approval;
    model.dialog = Some(Dialog::Confirm(Confirm {
        expires_at: model.now.checked_add(life).unwrap_or(model.now),
        question,
        need,
        typed: String::new(),
        note: None,
        button: if need == Need::TypedName {
            Button::Name
        } else {
            Button::Cancel
        },
        top: 0,
    }));
}
