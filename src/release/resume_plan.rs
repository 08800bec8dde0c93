//! Decides whether this console can resume a release. The plan is made again from the record, the local configuration
//! and the current state, or it is refused with every reason.

use jiff::Timestamp;

use super::ladder::{Property, has, quiet_calls, task_calls};
use super::machine::ResumeAction;
use super::replay::Replay;
use super::rules::loosened_since;
use super::unreadable::unreadable;
use super::{Definition, Plan, Refusal, Refused, StepState, StepStatus};
use crate::history::{
    Baseline, Direction, Entry, FORMAT, JournalEvent, Recorded, ReleaseKind, Step,
};
use crate::inventory::{
    Clocks, HIGHEST_GENERATION, Instance, PerSlot, RegistryRecord, Slot, SlotMembers, StoredKey,
};
use crate::sanitize::sanitize;

/// The state of a target when one of its releases is resumed.
#[derive(Debug, Clone, Copy)]
pub struct TargetState<'a> {
    pub record: &'a RegistryRecord,
    pub instances: &'a [Instance],
    pub now: Timestamp,
    pub clocks: &'a Clocks,
}

impl Plan {
    /// The plan with which this console resumes a release. It is read from the record of the release. If the release
    /// continues or backs out, the record is compared with the local configuration and the current state. The error
    /// lists every reason against resuming.
    pub fn resumed(
        recorded: &Recorded,
        definition: &Definition,
        target_state: TargetState<'_>,
        resume_action: ResumeAction,
    ) -> Result<Self, Refused> {
        let head = &recorded.head;
        let route = target_state.record.route.as_ref().map(|route| &route.value);
        let mut plan = Self::recorded(head, definition, route);
        let mut against = Vec::new();
        refuse_by_journal(recorded, &mut against);
        if against.is_empty() && resume_action != ResumeAction::Leave {
            let replay = Replay::of(recorded, &plan);
            let is_backward =
                resume_action == ResumeAction::BackOut || replay.direction() == Direction::Back;
            refuse_by_generation(head.baseline.as_ref(), &mut against);
            refuse_by_definition(head.baseline.as_ref(), definition, &mut against);
            refuse_by_kind(&plan, &mut against);
            refuse_by_route(&plan, target_state.record, &mut against);
            refuse_by_newer(&plan, target_state.instances, &mut against);
            if !is_backward {
                refuse_by_rules(head.baseline.as_ref(), definition, &mut against);
                refuse_by_shape(head.baseline.as_ref(), definition, &replay, &mut against);
                refuse_by_tasks(&plan, &replay, &mut against);
                refuse_by_quiet(&plan, &replay, &mut against);
                // A hold prevents only the switch. The steps after the switch are not affected.
                if !replay.track.switched {
                    refuse_by_hold(&plan, target_state, &mut against);
                }
            }
            if resume_action == ResumeAction::BackOut && !replay.track.can_go_back(&plan) {
                against.push(Refusal::NoWayBack);
            }
        }
        if !against.is_empty() {
            return Err(Refused(against));
        }
        plan.leftover = leftover(head.baseline.as_ref(), &plan, target_state.instances);
        plan.take_members(&SlotMembers::by_slot(target_state.instances.to_vec()));
        Ok(plan)
    }

    /// Completes the plan with the members that were released before it. Their number may differ from that of the
    /// addresses in the configuration.
    fn take_members(&mut self, slots: &PerSlot<SlotMembers>) {
        if let Some(from) = &mut self.from {
            let members = slots.get(from.slot);
            let configured = self.definition.endpoints.get(from.slot);
            from.addresses = members.addresses(configured);
            from.members = members.clone();
        }
        if self.kind == ReleaseKind::WarmRollback {
            self.warm = slots.get(self.slot).clone();
        }
    }
}

/// Refuses if a member of a background service was started by a newer release than the one to resume, because then the store was
/// restored from a backup. The proxy of another service shows that.
fn refuse_by_newer(plan: &Plan, instances: &[Instance], against: &mut Vec<Refusal>) {
    let is_newer = |member: &&Instance| member.is_up() && member.release > Some(plan.release);
    let newer = instances.iter().find(is_newer);
    if let Some(member) = newer.filter(|_| plan.definition.is_background()) {
        against.push(not_resumable(format!(
            "{} was started by a newer release, which the store does not know: find out what happened to the store, then leave this release",
            member.name
        )));
    }
}

fn not_resumable(why: impl Into<String>) -> Refusal {
    Refusal::NotResumable { why: why.into() }
}

pub(super) fn refuse_by_journal(recorded: &Recorded, against: &mut Vec<Refusal>) {
    if let Some((_, outcome)) = &recorded.head.closed {
        let outcome = outcome.word().to_owned();
        against.push(Refusal::AlreadyOver { outcome });
    }
    let is_unknown = |entry: &Entry| matches!(entry.event, JournalEvent::Unknown(_));
    let all_known = !recorded.head.has_unknown_step() && !recorded.entries.iter().any(is_unknown);
    if recorded.head.format > FORMAT || !all_known {
        against.push(not_resumable(
            "a newer Greenroom wrote records of this release that this version cannot read: use the newer version",
        ));
    }
    let is_whole = (1..)
        .zip(&recorded.entries)
        .all(|(number, entry)| entry.sequence == number);
    if !is_whole {
        against.push(not_resumable(
            "entries of the journal are missing, so it is not known what the release has done: promote the version that should run, which also closes this release",
        ));
    }
}

/// Refuses if the record of the release claims a generation that is too high for a switch.
fn refuse_by_generation(baseline: Option<&Baseline>, against: &mut Vec<Refusal>) {
    let claimed = baseline.map(|baseline| baseline.generation);
    if let Some(claimed) = claimed.filter(|claimed| *claimed > HIGHEST_GENERATION) {
        against.push(not_resumable(format!(
            "the record of the release claims generation {claimed}, but no switch can make a generation that high: leave the release (greenroom resume with --leave)"
        )));
    }
}

fn refuse_by_definition(
    baseline: Option<&Baseline>,
    definition: &Definition,
    against: &mut Vec<Refusal>,
) {
    if definition.lacks_health_check() {
        against.push(Refusal::NoHealthCheck);
    }
    let Some(baseline) = baseline else { return };
    for slot in Slot::BOTH {
        let (then, now) = (baseline.endpoints.get(slot), definition.endpoints.get(slot));
        if then != now {
            against.push(not_resumable(format!(
                "{slot} had the address {then} when the release started, but has {now} in this configuration: restore it, or leave the release"
            )));
        }
    }
}

/// Refuses if the service has become a scheduler since the release started, or is none any more: the steps of a scheduler
/// are in another order.
fn refuse_by_kind(plan: &Plan, against: &mut Vec<Refusal>) {
    if plan.from.is_some() && plan.stops_first() != plan.definition.is_exclusive() {
        against.push(not_resumable(
            "the `kind` of the service has changed since the release started: set it back, or leave the release",
        ));
    }
}

/// Refuses if the old version is still to be quieted, in another way than in the plan that was approved.
fn refuse_by_quiet(plan: &Plan, replay: &Replay, against: &mut Vec<Refusal>) {
    let Some(planned) = plan.step(Step::Quiet) else {
        return;
    };
    let is_done = |step: &StepStatus| {
        let is_over = matches!(step.state, StepState::Done { .. } | StepState::Skipped);
        step.step == Step::Quiet && is_over
    };
    let told = quiet_calls(plan);
    let is_same = !told.is_empty() && told.iter().all(|call| planned.calls.contains(call));
    if !replay.track.steps.iter().any(is_done) && !is_same {
        against.push(not_resumable(
            "`quiet` has changed in the configuration since the release started: set it back, back the release out, or leave it",
        ));
    }
}

/// Refuses to continue a release under looser rules than at its start. A release can be backed out or left under any
/// rules.
fn refuse_by_rules(
    baseline: Option<&Baseline>,
    definition: &Definition,
    against: &mut Vec<Refusal>,
) {
    let Some(baseline) = baseline else { return };
    let loosened = loosened_since(&baseline.rules, definition);
    if !loosened.is_empty() {
        against.push(not_resumable(format!(
            "the release started under stricter rules than this configuration has: {}. Resume it with those rules, or back it out",
            sanitize(&loosened.join(", "))
        )));
    }
}

/// Refuses if the candidate is still to be started, and its configuration has changed since the release started.
fn refuse_by_shape(
    baseline: Option<&Baseline>,
    definition: &Definition,
    replay: &Replay,
    against: &mut Vec<Refusal>,
) {
    let is_to_be_started = replay.track.steps.iter().any(|step_status| {
        has(step_status.step, Property::CreatesCandidate)
            && !matches!(step_status.state, StepState::Done { .. })
    });
    if is_to_be_started
        && baseline.is_some_and(|baseline| baseline.shape != definition.shape_mark())
    {
        against.push(not_resumable(
            "the configuration of the candidate has changed since the release started: back the release out, then plan again",
        ));
    }
}

/// Refuses if tasks that are still to run differ from those of the plan that was approved.
fn refuse_by_tasks(plan: &Plan, replay: &Replay, against: &mut Vec<Refusal>) {
    if plan.kind != ReleaseKind::Promote {
        return;
    }
    let is_done = |step: Step| {
        let mut steps = replay.track.steps.iter();
        steps.any(|it| it.step == step && matches!(it.state, StepState::Done { .. }))
    };
    let steps = Step::ALL.into_iter().filter(|step| step.runs_tasks());
    for step in steps.filter(|step| !is_done(*step)) {
        let planned = plan.step(step).map_or(&[][..], |planned| &planned.calls);
        if planned != task_calls(plan, step) {
            against.push(not_resumable(format!(
                "the configuration of the tasks of {step} has changed since the release started: back the release out, then plan again"
            )));
        }
    }
}

/// Refuses if the route has changed since the start of the release, and this release did not write it.
fn refuse_by_route(plan: &Plan, record: &RegistryRecord, against: &mut Vec<Refusal>) {
    let stops = StoredKey::stops_rollback;
    against.extend(unreadable(plan.target(), record, stops));
    let route = record.route.as_ref().map(|route| &route.value);
    let is_ours = route.is_some_and(|route| route.release == plan.release);
    let before = plan.from.as_ref().map(|from| (from.generation, from.slot));
    if !is_ours && route.map(|route| (route.generation, route.live)) != before {
        against.push(not_resumable(if route.is_some() {
            "the route has changed since this release started: leave this release (greenroom resume with --leave)"
        } else {
            "the store no longer has a route: leave this release (greenroom resume with --leave), then run greenroom repair"
        }));
    }
}

fn refuse_by_hold(plan: &Plan, target_state: TargetState<'_>, against: &mut Vec<Refusal>) {
    if plan.kind == ReleaseKind::Promote {
        let is_hold = |key| key == StoredKey::Hold;
        against.extend(unreadable(plan.target(), target_state.record, is_hold));
    }
    let held = plan.held(
        target_state.record.hold.as_ref(),
        target_state.now,
        target_state.clocks,
    );
    against.extend(held);
}

/// The leftover that the record names, as far as it is still in the slot.
fn leftover(baseline: Option<&Baseline>, plan: &Plan, instances: &[Instance]) -> SlotMembers {
    let recorded = baseline.map_or(&[][..], |baseline| &baseline.leftover);
    let is_leftover = |it: &&Instance| it.slot == plan.slot && recorded.contains(&it.id);
    SlotMembers::new(instances.iter().filter(is_leftover).cloned())
}
