//! The actions that lead to a change of a target (capital letters). Most of these actions open a question. An action
//! that can do nothing now shows why.

use std::time::Duration;

use jiff::Timestamp;

use super::repair;
use crate::console::action::Action;
use crate::console::dialogs::{
    Question, confirm, handover, holding, open_releases, picker, reason,
};
use crate::console::effect::Effect;
use crate::console::model::{Armed, Mode, Model, Weight};
use crate::history::Direction;
use crate::inventory::local_time;
use crate::inventory::{Role, Slot, SourceState, Target};
use crate::release::describe::duration;
use crate::release::{
    Command, Intent, Need, Observed, Progress, Wanted, need_of, step_after_standby,
};

/// If an armed target has less time left than this, and less than a quarter of the full time, the key that arms renews
/// the time. If more time is left, the key ends the arming.
const RENEWED: Duration = Duration::from_mins(1);

/// The open target, if it is armed. If the target is not armed, or no target is open, shows why nothing can be changed.
pub(in crate::console) fn armed_target(model: &mut Model) -> Option<Target> {
    let Some(target) = model.open.clone() else {
        refuse_without_target(model);
        return None;
    };
    if model.is_armed() {
        return Some(target);
    }
    let text = match model.mode {
        Mode::ReadOnly => format!("{target} cannot be changed: {}", model.read_only),
        Mode::Armable(_) => {
            let arm = model.keymap.shown(Action::Arm);
            format!("not armed: {arm} arms {target}, then try again")
        }
    };
    model.say(Weight::Prominent, &text);
    None
}

fn refuse_without_target(model: &mut Model) {
    let open = model.keymap.shown(Action::Open);
    let text = format!("no target is open: {open} opens the target under the cursor");
    model.say(Weight::Prominent, &text);
}

pub(super) fn arm(model: &mut Model) -> Vec<Effect> {
    let Some(target) = model.open.clone() else {
        refuse_without_target(model);
        return Vec::new();
    };
    let Mode::Armable(life) = model.mode else {
        let text = format!("no target can be armed: {}", model.read_only);
        return model.refused(&text);
    };
    let left = model
        .armed
        .as_ref()
        .map(|armed| armed.until.duration_since(model.now));
    let is_renewed = left.is_some_and(|left| left.unsigned_abs() < (life / 4).min(RENEWED));
    if model.is_armed() && !is_renewed {
        model.armed = None;
        model.say(Weight::Normal, &format!("{target} is not armed any more"));
        return Vec::new();
    }
    let Ok(until) = model.now.checked_add(life) else {
        return model.refused("no target can be armed: the system clock is out of range");
    };
    model.say(
        Weight::Normal,
        &format!("{target} can be changed until {}", local_time::clock(until)),
    );
    model.armed = Some(Armed { target, until });
    Vec::new()
}

/// The answer to a key for a release that this console does not drive. `otherwise` if there is no such release, or if
/// it has ended.
pub(super) fn not_here(model: &Model, otherwise: &str) -> String {
    let Some(observed) = model.elsewhere() else {
        return otherwise.to_owned();
    };
    let release = observed.status.plan.release.short();
    match &observed.driver {
        Some(driver) if model.is_agent(&driver.console) => format!(
            "release {release} is driven by an agent, {}: {} takes it over",
            driver.operator,
            model.keymap.shown(Action::Resume)
        ),
        Some(driver) => format!(
            "release {release} is driven by {}: {} requests the handover, or takes the release over",
            driver.operator,
            model.keymap.shown(Action::Resume)
        ),
        None if observed.is_interrupted() => {
            let resume_key = model.keymap.shown(Action::Resume);
            format!(
                "release {release} was interrupted and has no driver: {resume_key} resumes it \
                 or backs it out"
            )
        }
        None => otherwise.to_owned(),
    }
}

/// Why no release can start in the open target now. A release in standby is no reason, because a new release supersedes
/// the release in standby.
fn cannot_start(model: &Model, target: &Target) -> Option<String> {
    if model.is_in_standby(target) {
        return None;
    }
    busy(model)
}

/// Why nothing can start in the open target now: this console or another console drives a release of the target.
fn busy(model: &Model) -> Option<String> {
    if model.elsewhere().is_some_and(Observed::is_driven) {
        return Some(not_here(model, ""));
    }
    let status = model.release_in_flight()?;
    let (release, target) = (status.plan.release.short(), status.plan.target());
    let approve = model.keymap.shown(Action::Approve);
    let is_backing_out = matches!(
        status.progress,
        Progress::Back(_)
            | Progress::Choosing {
                direction: Direction::Back,
                ..
            }
    );
    if is_backing_out {
        return Some(format!(
            "release {release} of {target} is being backed out and has not ended: if it waits for you, {approve} answers"
        ));
    }
    let back_out = model.keymap.shown(Action::BackOut);
    Some(format!(
        "release {release} of {target} has not ended: if it waits for you, {approve} answers; {back_out} backs it out"
    ))
}

pub(super) fn promote(model: &mut Model) -> Vec<Effect> {
    let Some(target) = armed_target(model) else {
        return Vec::new();
    };
    if let Some(why) = cannot_start(model, &target) {
        return model.refused(&why);
    }
    picker::open(model, target, Intent::Promote)
}

pub(super) fn roll_back(model: &mut Model) -> Vec<Effect> {
    let Some(target) = armed_target(model) else {
        return Vec::new();
    };
    if let Some(why) = cannot_start(model, &target) {
        return model.refused(&why);
    }
    let standby = model.snapshot().and_then(|snapshot| {
        let slot = Slot::BOTH
            .into_iter()
            .find(|slot| snapshot.role(*slot) == Role::Standby)?;
        let instance = snapshot.slots.get(slot).members.representative()?;
        Some(instance.version_name().to_owned())
    });
    let Some(name) = standby else {
        let is_unknown = model.snapshot().is_none_or(|snapshot| {
            Slot::BOTH
                .into_iter()
                .any(|slot| snapshot.role(slot) == Role::Unknown)
        });
        let text = if is_unknown {
            format!(
                "{target} may keep a version warm, but the role of a slot is unknown: \
                 choose the version to go back to"
            )
        } else {
            format!("{target} keeps no version warm: the version that you choose is started again")
        };
        model.say(Weight::Normal, &text);
        return picker::open(model, target, Intent::GoBack);
    };
    let name = crate::sanitize::sanitize(&name);
    reason::go_back(model, target, Wanted::Standby, name)
}

pub(super) fn hold(model: &mut Model) -> Vec<Effect> {
    match armed_target(model) {
        Some(target) => holding::open(model, target),
        None => Vec::new(),
    }
}

pub(super) fn back_out(model: &mut Model) -> Vec<Effect> {
    if armed_target(model).is_none() {
        return Vec::new();
    }
    let Some(status) = model.release_in_flight().cloned() else {
        let roll_back = model.keymap.shown(Action::RollBack);
        let otherwise =
            format!("this console drives no release of this target: {roll_back} rolls back");
        let text = not_here(model, &otherwise);
        return model.refused(&text);
    };
    if matches!(status.progress, Progress::Back(_)) {
        return model.refused("the release is already being backed out");
    }
    confirm::ask_back_out(model, status, None);
    Vec::new()
}

pub(super) fn end_standby(model: &mut Model) -> Vec<Effect> {
    if armed_target(model).is_none() {
        return Vec::new();
    }
    let in_standby = model
        .release_in_flight()
        .filter(|status| matches!(status.progress, Progress::Standby { .. }))
        .cloned();
    let Some(status) = in_standby else {
        let approve = model.keymap.shown(Action::Approve);
        let otherwise = format!(
            "this console drives no release of this target in standby; if stop waits for approval, \
             {approve} approves it"
        );
        let text = not_here(model, &otherwise);
        return model.refused(&text);
    };
    // The confirmation is also the approval that the next step needs, so that it does not ask again.
    let next = step_after_standby(&status.plan);
    let need = need_of(&status.plan, next).max(Need::Confirmation);
    confirm::ask(model, Question::EndStandby(status), need);
    Vec::new()
}

/// The refusal to resume a release while its store has stopped answering. The state of the release is in the store.
fn store_is_unreachable(model: &Model, target: &Target) -> Option<String> {
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
    let next_attempt = match retry_at.filter(|at| *at > model.now) {
        Some(at) => format!("in {}", seconds(model.now, at)),
        None => "now".to_owned(),
    };
    let resume_key = model.keymap.shown(Action::Resume);
    Some(format!(
        "{target}: the store has not answered for {}, next attempt {next_attempt}. {resume_key} resumes the release \
         when the store answers again; until then this console changes nothing",
        seconds(*since, model.now)
    ))
}

/// Reads a release that this console does not drive, and asks what to do with the release. If another console requests
/// the handover of a release that this console drives, opens the question about the request instead.
pub(super) fn resume(model: &mut Model) -> Vec<Effect> {
    let Some(target) = armed_target(model) else {
        return Vec::new();
    };
    if handover::open_request(model, &target) {
        return Vec::new();
    }
    let is_open = |observed: &Observed| observed.is_driven() || observed.is_interrupted();
    let is_open = model.elsewhere().is_some_and(is_open) || model.is_lost_here(&target);
    if let Some(text) = store_is_unreachable(model, &target).filter(|_| is_open) {
        return model.refused(&text);
    }
    if !is_open {
        let otherwise = "this target has no release to resume, take over or hand over";
        let text = not_here(model, otherwise);
        return model.refused(&text);
    }
    open_releases::read(model, target, None)
}

/// Plans a repair of the open target. The operator confirms the plan afterwards.
pub(super) fn repair(model: &mut Model) -> Vec<Effect> {
    let Some(target) = armed_target(model) else {
        return Vec::new();
    };
    if let Some(why) = busy(model) {
        return model.refused(&why);
    }
    if model.elsewhere().is_some_and(Observed::prevents_repair) {
        let text = not_here(model, "");
        return model.refused(&text);
    }
    repair::begin(model, target)
}

/// Runs the checks again. No confirmation is needed, because the checks change nothing.
pub(super) fn check_again(model: &mut Model) -> Vec<Effect> {
    if armed_target(model).is_none() {
        return Vec::new();
    }
    let Some(status) = model.release_in_flight().cloned() else {
        let promote = model.keymap.shown(Action::Promote);
        let otherwise =
            format!("this console drives no release of this target: {promote} starts one");
        let text = not_here(model, &otherwise);
        return model.refused(&text);
    };
    if !status.progress.may_check_again() {
        let text = "the checks run again only while register or switch waits for approval";
        return model.refused(text);
    }
    model.say(Weight::Normal, "the checks are running again");
    let by = model.operator.clone();
    vec![Effect::Send {
        release: status.plan.release,
        command: Command::CheckAgain { by },
    }]
}
