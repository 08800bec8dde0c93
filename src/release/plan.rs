//! A plan: all calls of one release, before anything is done.
//!
//! A plan belongs to one digest and one state of the target: the live slot and its generation. It is shown, approved
//! and then driven. It never changes.

use jiff::Timestamp;

use super::{Definition, Refusal, rules};
use crate::history::{
    Baseline, FORMAT, Link, Overridden, PlannedCalls, ReleaseKind, ReleaseRecord, Step,
};
use crate::inventory::{
    Clocks, Endpoint, EnvironmentName, Hold, Instance, InstanceId, Operator, ReleaseId, Route,
    Slot, Target, Tier, Version,
};

/// The version that has the traffic when the plan is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveBefore {
    /// Its slot.
    pub slot: Slot,
    /// The version.
    pub version: Version,
    /// The address at which it answers.
    pub endpoint: Endpoint,
    /// The instance; none if Greenroom no longer has one there.
    pub instance: Option<InstanceId>,
    /// The generation of its route.
    pub generation: u64,
}

/// The plan of one release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The release of the plan. An approval names it.
    pub release: ReleaseId,
    /// The purpose of the release.
    pub kind: ReleaseKind,
    /// The target with its configuration.
    pub definition: Definition,
    /// The version that is live now; none for the first release.
    pub from: Option<LiveBefore>,
    /// The slot that gets the version.
    pub slot: Slot,
    /// The version.
    pub version: Version,
    /// The generation that its switch makes.
    pub generation: u64,
    /// The instance that is in the slot now and is removed when the candidate is started. It belongs to Greenroom and
    /// has no traffic.
    pub leftover: Option<Instance>,
    /// The instance to go back to, if it is warm.
    pub warm: Option<Instance>,
    /// The steps and their calls, in order.
    pub calls: Vec<PlannedCalls>,
    /// What the operator should know before confirming; a warning does not stop the release.
    pub warnings: Vec<String>,
    /// Protected targets of other environments whose connections it may cut, because they share the proxy.
    pub touched: Vec<Target>,
    /// The operator.
    pub operator: Operator,
    /// The reason.
    pub reason: Option<String>,
    /// The active holds that it overrides, and why. It overrides exactly these.
    pub overridden: Vec<Overridden>,
    /// When it was made.
    pub made_at: Timestamp,
    /// The mark, if the plan was read from a record, which does not contain everything that the planner knew.
    pub mark: Option<String>,
}

impl Plan {
    /// The environment where its version must be live, both when it is planned and when its traffic moves. A rollback
    /// needs none: its version was live here.
    pub fn only_from(&self) -> Option<&EnvironmentName> {
        let first = self.definition.rules.only_from.as_ref();
        first.filter(|_| self.kind == ReleaseKind::Promote)
    }

    /// This release in words, for the end of a release that it ended.
    pub fn successor(&self) -> String {
        format!(
            "{} {} by {}",
            self.kind,
            self.release.short(),
            self.operator
        )
    }

    /// The plan of a release as recorded, completed from the local configuration and, if an older Greenroom opened it,
    /// from the target's route. It lacks what only the planner saw (instances, warnings), so it is only for showing.
    /// For driving see [`Plan::resumed`].
    pub(super) fn recorded(
        head: &ReleaseRecord,
        definition: &Definition,
        route: Option<&Route>,
    ) -> Self {
        let (generation, before) = generations(head, route);
        Self {
            release: head.id,
            kind: head.kind,
            definition: definition.clone(),
            from: head.from.as_ref().map(|(slot, version)| LiveBefore {
                slot: *slot,
                version: version.clone(),
                endpoint: definition.endpoints.get(*slot).clone(),
                instance: None,
                generation: before,
            }),
            slot: head.to.0,
            version: head.to.1.clone(),
            generation,
            leftover: None,
            warm: None,
            calls: head.plan.clone(),
            warnings: Vec::new(),
            touched: Vec::new(),
            operator: head.operator.clone(),
            reason: head.reason.clone(),
            overridden: head.overridden.clone(),
            made_at: head.opened_at,
            mark: Some(Link::first(head).as_str().to_owned()),
        }
    }

    /// The mark of the plan, the same wherever it is computed: a hash over the head of its release as it was opened.
    pub fn mark(&self) -> String {
        let computed = || Link::first(&self.record()).as_str().to_owned();
        self.mark.clone().unwrap_or_else(computed)
    }

    /// Its target.
    pub fn target(&self) -> &Target {
        &self.definition.target
    }

    /// How careful an operator must be there.
    pub fn tier(&self) -> Tier {
        self.definition.tier
    }

    /// Whether it needs the care of a protected environment although its own is not protected.
    pub(super) fn touches_protected(&self) -> bool {
        !self.tier().is_protected() && !self.touched.is_empty()
    }

    /// The warning about the protected targets that it touches.
    pub(super) fn touches(&self) -> Option<String> {
        self.touches_protected()
            .then(|| touches_words(&self.touched))
    }

    /// The address at which the version will answer.
    pub fn endpoint(&self) -> &Endpoint {
        self.definition.endpoints.get(self.slot)
    }

    /// The steps, in order.
    pub fn steps(&self) -> impl Iterator<Item = Step> + '_ {
        self.calls.iter().map(|planned| planned.step)
    }

    /// The calls of a step.
    pub fn step(&self, step: Step) -> Option<&PlannedCalls> {
        self.calls.iter().find(|planned| planned.step == step)
    }

    /// Whether it overrides a hold.
    pub fn overrides_hold(&self) -> bool {
        !self.overridden.is_empty()
    }

    /// The hold or freeze that stops it at `now`: the first one that the plan does not override. A rollback is never
    /// stopped.
    pub(super) fn held(
        &self,
        placed: Option<&Hold>,
        now: Timestamp,
        clocks: &Clocks,
    ) -> Option<Refusal> {
        if self.kind != ReleaseKind::Promote {
            return None;
        }
        let standing = self.definition.holds_by(placed, now, clocks);
        let known = |hold: &Hold| self.overridden.iter().any(|it| it.hold == *hold);
        let hold = standing.into_iter().find(|hold| !known(hold))?;
        let is_own = self.definition.holds(placed, now).contains(&hold);
        Some(Refusal::held(hold, is_own, clocks))
    }

    /// The hold that a rollback leaves, so that the version it left is not promoted again by accident.
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

    /// Whether the rules require a reason and it has none. A rollback is planned without one.
    pub fn lacks_reason(&self) -> bool {
        let is_given = self
            .reason
            .as_deref()
            .is_some_and(|why| !why.trim().is_empty());
        self.definition.rules.require_reason && !is_given
    }

    /// The head of its record.
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
            opened_at: self.made_at,
            plan: self.calls.clone(),
            baseline: Some(Baseline {
                generation: self.generation,
                before: self.from.as_ref().map(|from| from.generation),
                endpoints: self.definition.endpoints.clone(),
                shape: self.definition.shape_mark(),
                leftover: self.leftover.as_ref().map(|instance| instance.id.clone()),
                rules: rules::in_effect(&self.definition),
            }),
            live: None,
            closed: None,
            chain: None,
        }
    }
}

/// The generation that the switch of a release makes, and the one before it.
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

/// What a reload of an nginx that protected targets share may do to them.
pub(super) fn touches_words(touched: &[Target]) -> String {
    let named: Vec<String> = touched.iter().map(ToString::to_string).collect();
    format!(
        "it reloads the nginx that also serves {} (protected): kept-alive connections there may be cut, so it asks for the name",
        named.join(", ")
    )
}
