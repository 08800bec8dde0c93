//! The plan of a release. It names all calls before any act is performed. A plan is for one digest and one state of the
//! target: the live slot and its generation. It is shown and approved, and then a driver executes it. It never changes.

use jiff::Timestamp;

use super::exceptions::{overridden_checks, override_warning, skipped_tasks};
use super::{Definition, Refusal, rules};
use crate::checks::{CheckOverride, CheckOverrides};
use crate::history::{
    Baseline, FORMAT, Link, Overridden, PlannedCalls, ReleaseKind, ReleaseRecord, Step,
};
use crate::inventory::{
    Addresses, Clocks, EnvironmentName, Hold, Operator, ReleaseId, Route, Slot, SlotMembers,
    Target, TaskName, Tier, Trigger, Version,
};

/// The version that has the traffic when the plan is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveBefore {
    pub slot: Slot,
    pub version: Version,
    /// The addresses at which its members answer.
    pub addresses: Addresses,
    pub members: SlotMembers,
    /// The generation of the route.
    pub generation: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The id of the release. An approval names it.
    pub release: ReleaseId,
    pub kind: ReleaseKind,
    pub definition: Definition,
    /// The version that is live when the plan is made; none if no version is live.
    pub from: Option<LiveBefore>,
    /// The slot that gets the version.
    pub slot: Slot,
    /// The version that the release makes live.
    pub version: Version,
    /// The generation that the switch makes.
    pub generation: u64,
    /// The members that are in the slot when the plan is made. They belong to Greenroom and have no traffic. All of them
    /// are removed before the candidate is created.
    pub leftover: SlotMembers,
    /// The running members of the slot to which a warm rollback switches; empty for any other release.
    pub warm: SlotMembers,
    pub calls: Vec<PlannedCalls>,
    /// What the operator should know before confirming. A warning does not stop the release.
    pub warnings: Vec<String>,
    /// Protected targets of other environments whose connections the release may cut, because they share the proxy.
    pub touched: Vec<Target>,
    pub operator: Operator,
    pub reason: Option<String>,
    /// The active holds that the plan overrides, each with the reason. No other hold is overridden.
    pub overridden: Vec<Overridden>,
    /// The push for which an agent makes the plan; none for a plan of an operator.
    pub trigger: Option<Trigger>,
    /// The tasks of the target that the release does not run. `definition` does not have them.
    pub skipped_tasks: Vec<TaskName>,
    /// The required checks that are overridden if they do not pass.
    pub overridden_checks: Vec<String>,
    /// The newest release of the target when the plan is made.
    pub newest: Option<ReleaseId>,
    pub made_at: Timestamp,
    /// The hash of the original plan (see the method `mark`), for a plan that was read from a record. Such a plan lacks
    /// data, so the hash cannot be computed again. None for a new plan.
    pub mark: Option<String>,
}

impl Plan {
    /// The environment in which the version must be live when the plan is made and when the traffic moves. None without
    /// the rule, and for a rollback, because its version was live in the target before.
    pub fn only_from(&self) -> Option<&EnvironmentName> {
        let environment = self.definition.rules.only_from.as_ref();
        environment.filter(|_| self.kind == ReleaseKind::Promote)
    }

    /// A description of this release. It is written into the record of an earlier release that this release ends:
    /// `promote 01JX by ana@ops-1`.
    pub fn successor(&self) -> String {
        format!(
            "{} {} by {}",
            self.kind,
            self.release.short(),
            self.operator
        )
    }

    /// The plan of a release from its record, completed from the local configuration. If an older Greenroom opened the
    /// release, the generations come from the route. The plan lacks instances and warnings, so no driver executes it.
    /// [`Plan::resumed`] makes a plan that can be driven.
    pub(super) fn recorded(
        head: &ReleaseRecord,
        definition: &Definition,
        route: Option<&Route>,
    ) -> Self {
        let (generation, before) = generations(head, route);
        Self {
            release: head.id,
            kind: head.kind,
            definition: definition.without_tasks(&head.skipped_tasks),
            from: head.from.as_ref().map(|(slot, version)| LiveBefore {
                slot: *slot,
                version: version.clone(),
                addresses: definition.endpoints.get(*slot).clone(),
                members: SlotMembers::default(),
                generation: before,
            }),
            slot: head.to.0,
            version: head.to.1.clone(),
            generation,
            leftover: SlotMembers::default(),
            warm: SlotMembers::default(),
            calls: head.plan.iter().filter_map(PlannedCalls::known).collect(),
            warnings: Vec::new(),
            touched: Vec::new(),
            operator: head.operator.clone(),
            reason: head.reason.clone(),
            overridden: head.overridden.clone(),
            trigger: head.trigger.clone(),
            skipped_tasks: head.skipped_tasks.clone(),
            overridden_checks: head.overridden_checks.clone(),
            newest: None,
            made_at: head.opened_at,
            mark: Some(Link::first(head).as_str().to_owned()),
        }
    }

    /// A hash of the record of the release at its opening. The hash is the same in every process. Approvals by other
    /// operators contain the hash.
    pub fn mark(&self) -> String {
        let computed = || Link::first(&self.record()).as_str().to_owned();
        self.mark.clone().unwrap_or_else(computed)
    }

    pub fn target(&self) -> &Target {
        &self.definition.target
    }

    pub fn tier(&self) -> Tier {
        self.definition.tier
    }

    /// Whether the release may cut connections of a protected target, although its own target is not protected.
    pub(super) fn touches_protected(&self) -> bool {
        !self.tier().is_protected() && !self.touched.is_empty()
    }

    /// The warning about the protected targets whose connections the release may cut.
    pub(super) fn touches(&self) -> Option<String> {
        self.touches_protected()
            .then(|| touches_words(&self.touched))
    }

    /// The addresses at which the version will answer, one for each member.
    pub fn addresses(&self) -> Addresses {
        self.addresses_of(self.slot)
    }

    /// The addresses that a slot uses: those of its members if it has the version that is live before the release, or
    /// the version of a warm rollback; otherwise all configured ones.
    pub(super) fn addresses_of(&self, slot: Slot) -> Addresses {
        match &self.from {
            Some(from) if from.slot == slot => from.addresses.clone(),
            _ => self.warm.addresses(self.definition.endpoints.get(slot)),
        }
    }

    /// Whether the live version is stopped before the new one starts, because the service is exclusive.
    pub fn stops_first(&self) -> bool {
        self.step(Step::StopOld).is_some()
    }

    pub fn steps(&self) -> impl Iterator<Item = Step> + '_ {
        self.calls.iter().map(|planned| planned.step)
    }

    /// The step that is shown while the end of a release that backed out is recorded.
    pub(super) fn first_step(&self) -> Step {
        self.steps().next().unwrap_or(Step::Pull)
    }

    /// The step that is shown while the end of a release is recorded.
    pub(super) fn last_step(&self) -> Step {
        self.steps().last().unwrap_or(Step::Stop)
    }

    pub fn step(&self, step: Step) -> Option<&PlannedCalls> {
        self.calls.iter().find(|planned| planned.step == step)
    }

    /// The overrides of checks that were decided when the plan was made, by the name of the check.
    pub(super) fn check_overrides(&self) -> CheckOverrides {
        let decision = CheckOverride {
            by: self.operator.clone(),
            why: self.reason.clone().unwrap_or_default(),
        };
        let names = self.overridden_checks.iter().cloned();
        names.map(|name| (name, decision.clone())).collect()
    }

    /// What the operator has decided against the usual rules, a line each: overridden holds and checks, and skipped tasks.
    pub fn decisions(&self) -> Vec<String> {
        let holds = self.overridden.iter().map(override_warning);
        let tasks = skipped_tasks(&self.skipped_tasks);
        let checks = overridden_checks(&self.overridden_checks);
        holds.chain(tasks).chain(checks).collect()
    }

    pub fn overrides_hold(&self) -> bool {
        !self.overridden.is_empty()
    }

    /// The refusal if a hold or freeze stops the plan at `now`. Holds that the plan overrides do not stop it. A
    /// rollback is never stopped.
    pub(super) fn held(
        &self,
        placed: Option<&Hold>,
        now: Timestamp,
        clocks: &Clocks,
    ) -> Option<Refusal> {
        if self.kind.is_rollback() {
            return None;
        }
        let holds = self.definition.holds_by(placed, now, clocks);
        let is_overridden = |hold: &Hold| self.overridden.iter().any(|it| it.hold == *hold);
        let hold = holds.into_iter().find(|hold| !is_overridden(hold))?;
        let only_by = self.definition.only_by_clock(&hold, placed, now, clocks);
        Some(Refusal::held(hold, only_by))
    }

    /// The hold that a rollback places, so that the version before is not promoted again by accident. None for a
    /// promote, and if no version was live before.
    pub fn hold_left(&self) -> Option<Hold> {
        if self.kind == ReleaseKind::Promote {
            return None;
        }
        let from = self.from.as_ref()?;
        let mut reason = format!(
            "rolled back from {} to {}",
            from.version.name(),
            self.version.name()
        );
        if let Some(why) = &self.reason {
            reason = format!("{reason}: {why}");
        }
        Some(Hold {
            reason,
            author: self.operator.clone(),
            since: self.made_at,
            until: None,
            release: Some(self.release),
            cleared: None,
        })
    }

    /// Whether the rules require a reason and the plan has none. A rollback may start without a reason, and its
    /// operator can add the reason later.
    pub fn lacks_reason(&self) -> bool {
        let is_given = self
            .reason
            .as_deref()
            .is_some_and(|why| !why.trim().is_empty());
        self.definition.rules.require_reason && !is_given
    }

    /// The record of the release at its opening.
    pub fn record(&self) -> ReleaseRecord {
        ReleaseRecord {
            format: FORMAT,
            id: self.release,
            target: self.target().clone(),
            kind: self.kind,
            from: self
                .from
                .as_ref()
                .map(|from| (from.slot, from.version.clone())),
            to: (self.slot, self.version.clone()),
            operator: self.operator.clone(),
            reason: self.reason.clone(),
            overridden: self.overridden.clone(),
            trigger: self.trigger.clone(),
            skipped_tasks: self.skipped_tasks.clone(),
            overridden_checks: self.overridden_checks.clone(),
            opened_at: self.made_at,
            plan: self.calls.iter().map(PlannedCalls::recorded).collect(),
            baseline: Some(Baseline {
                generation: self.generation,
                before: self.from.as_ref().map(|from| from.generation),
                endpoints: self.definition.endpoints.clone(),
                shape: self.definition.shape_mark(),
                leftover: self.leftover.ids().cloned().collect(),
                rules: rules::in_effect(&self.definition),
            }),
            live: None,
            closed: None,
            chain: None,
        }
    }
}

/// The generation that the switch of a release makes, and the generation before that switch. The record contains the
/// two generations. If an older Greenroom wrote the record, they are derived from the route.
fn generations(head: &ReleaseRecord, route: Option<&Route>) -> (u64, u64) {
    if let Some(baseline) = &head.baseline {
        return (baseline.generation, baseline.before.unwrap_or_default());
    }
    let generation = match route {
        Some(route) if route.release == head.id => route.generation,
        Some(route) => route.generation.saturating_add(1),
        None => 1,
    };
    (generation, generation.saturating_sub(1))
}

/// Warns that a reload of a shared nginx may cut connections of protected targets.
pub(super) fn touches_words(touched: &[Target]) -> String {
    let named: Vec<String> = touched.iter().map(ToString::to_string).collect();
    format!(
        "this reloads the nginx that also serves {} (protected), and may cut its kept-alive connections: type the name of this target's environment to confirm",
        named.join(", ")
    )
}
