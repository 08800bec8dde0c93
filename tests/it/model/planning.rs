//! An operator's plan, made by production's planner for the model's world, and the machine of a release that is resumed.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use greenroom::history::{Step, Takeover};
use greenroom::inventory::{
    Addresses, Limit, PerSlot, Quiet, QuietBy, QuietSignal, SlotMembers, Tier, VersionRef,
};
use greenroom::release::{
    Definition, Machine, Plan, PlanRequest, ProxyWords, Resolved, ResumeAction, Resumption, Wanted,
    decide, standby_entry,
};

use super::flaws::Flaw;
use super::names::{definition, version};
use super::others::person;
use super::scope::{Scope, Want};
use super::side::Side;
use super::state::World;
use crate::support::web::target;

/// The number of an operator's release.
pub(crate) fn number<S: Side>(scope: &Scope<S>, by: usize) -> u8 {
    if scope.has(Flaw::PlansAreAlike) || by == 0 {
        1
    } else {
        2
    }
}

/// The plan of an operator, unless there is a reason against it.
pub(crate) fn plan<S: Side>(world: &World<S>, scope: &Scope<S>, by: usize) -> Option<Arc<Plan>> {
    let (wanted, resolved) = match scope.wants[by] {
        Want::Resume | Want::Repair => return None,
        Want::Version(letter) => (
            Wanted::Version(VersionRef::Tag(letter.to_string())),
            Resolved::Version(Box::new(version(letter))),
        ),
        Want::Standby => (Wanted::Standby, Resolved::WarmVersion),
    };
    let request = PlanRequest {
        override_holds: None,
        target: target(),
        wanted,
        reason: None,
        operator: person(by),
        trigger: None,
        skipped_tasks: Vec::new(),
        overridden_checks: Vec::new(),
    };
    let facts = S::facts(world, scope, number(scope, by), resolved);
    let words = ProxyWords {
        install: Vec::new(),
        switch: Vec::new(),
        warnings: Vec::new(),
        touched: Vec::new(),
    };
    let draft = decide(&request, &defined(scope), &facts).ok()?;
    let mut plan = draft.into_plan(&words);
    // Left out, because the display parts would be copied at every turn.
    for planned in &mut plan.calls {
        // A release is resumed only with the tasks and the quiet that were planned.
        if !planned.step.runs_tasks() && planned.step != Step::Quiet {
            planned.calls.clear();
        }
        planned.undo.clear();
    }
    // Every check of approvals needs it.
    plan.mark = Some(plan.mark());
    Some(Arc::new(plan))
}

/// The last entry of the first operator's release, if it holds the lock for a standby that may be
/// ended.
pub(crate) fn standby<S: Side>(world: &World<S>, scope: &Scope<S>) -> Option<u32> {
    let is_held = world.store.is_held_by(0) && scope.ends_standby;
    let recorded = world.store.journals[0].read().filter(|_| is_held)?;
    standby_entry(&recorded, &defined(scope))
}

/// The part of a plan that depends on when it was made.
pub(crate) fn mark(plan: &Plan) -> impl Hash {
    let id = |members: &SlotMembers| members.ids().next().cloned();
    let from = plan.from.as_ref();
    (
        (plan.slot, plan.generation, plan.kind),
        from.map(|from| (from.slot, from.generation, from.version.digest.clone())),
        (id(&plan.leftover), id(&plan.warm)),
        plan.made_at,
    )
}

/// The first operator's release as its journal leaves it, for another operator to resume.
pub(crate) fn resumed_machine<S: Side>(
    world: &World<S>,
    scope: &Scope<S>,
    by: usize,
    resume_action: ResumeAction,
) -> Option<(Arc<Plan>, Machine)> {
    let mut recorded = world.store.journals[0].read()?;
    S::read_journal(scope, &mut recorded);
    let plan = S::resumed(world, &recorded, &defined(scope), resume_action)?;
    let plan = Arc::new(plan);
    let resumption = Resumption {
        resume_action,
        how: Takeover::Resumed,
        by: person(by),
        from: recorded.last_driver().clone(),
        note: None,
    };
    let machine = Machine::resume(Arc::clone(&plan), &recorded, resumption, scope.on_failure);
    Some((plan, machine))
}

pub(crate) fn defined<S: Side>(scope: &Scope<S>) -> Definition {
    let mut definition = definition(tier(scope));
    definition.tasks = S::tasks(scope);
    definition.kind = S::kind(scope);
    definition.quiet = S::quiet(scope).then_some(Quiet {
        by: QuietBy::Signal(QuietSignal::TerminalStop),
        jobs: None,
        timeout: Duration::ZERO,
    });
    if definition.is_exclusive() {
        definition.timing.standby = Limit::After(Duration::ZERO);
    }
    if definition.is_background() {
        definition.endpoints = PerSlot::from_fn(|_| Addresses::counted(1));
        definition.health = None;
    }
    definition.rules.approvals = u8::from(!scope.others.is_empty());
    definition
}

fn tier<S: Side>(scope: &Scope<S>) -> Tier {
    if scope.has(Flaw::PlanForgetsTier) {
        Tier::Development
    } else {
        scope.tier
    }
}
