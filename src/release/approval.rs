//! Permission. An act that changes the world needs an [`Approved`], and only this file can
//! make one: from an operator's [`Approval`], from the tier where nobody has to be asked, or
//! for the way back.
//!
//! An approval belongs to one plan of one digest and expires (interlock 9); a protected
//! environment never goes past *verify* or past *switch* without one (interlock 10).

mod others;
mod repair;

use jiff::Timestamp;

pub(super) use others::needs_words;
pub use others::{
    NotPeerApproved, Weighed, approvals_ahead, approve_command, approvers_needed, approvers_words,
    need_to_peer_approve, own_release, peer_approved_words, unread_approvals, weigh,
};
pub(super) use repair::ApprovedRepair;
pub use repair::{RepairApproval, need_to_repair};

use super::Plan;
use crate::history::{Direction, ReleaseKind, Step};
use crate::inventory::{Digest, Operator, ReleaseId, Tier};

/// What a step asks of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Nothing: the approval of the plan covers it.
    Nothing,
    /// A yes.
    Confirmation,
    /// The environment's name, typed.
    TypedName,
}

/// What a step going forward asks, by its risk and the tier of its environment. *Register* is
/// where a protected environment would go past *verify*; *switch* moves traffic, and *stop* ends
/// the warm way back.
pub fn need(step: Step, tier: Tier) -> Need {
    if !tier.is_protected() {
        return Need::Nothing;
    }
    match step {
        Step::Register => Need::Confirmation,
        Step::Switch | Step::Stop => Need::TypedName,
        Step::Pull | Step::Install | Step::Start | Step::Verify | Step::Watch | Step::Drain => {
            Need::Nothing
        }
    }
}

/// What the plan itself asks before it is begun: a yes, or the name where it reloads a proxy that a protected target
/// shares. Going back to what is still warm is one key
/// and one confirmation, at night above all: where traffic asks for the name, it is asked here, and
/// covers everything up to and with the switch.
pub fn need_to_begin(plan: &Plan) -> Need {
    let is_warm = plan.kind == ReleaseKind::WarmRollback;
    if (is_warm && plan.tier().is_protected()) || plan.touches_protected() {
        Need::TypedName
    } else {
        Need::Confirmation
    }
}

/// What a step of this plan asks, beyond the yes to begin it.
pub fn need_of(plan: &Plan, step: Step) -> Need {
    match (plan.kind, step) {
        (ReleaseKind::WarmRollback, Step::Register | Step::Switch) => Need::Nothing,
        // Where others are waited for, the operator says when they have been.
        (_, Step::Switch) if approvers_needed(plan) > 0 => {
            need(step, plan.tier()).max(Need::Confirmation)
        }
        _ => need(step, plan.tier()),
    }
}

/// What the way back asks, once it may move or cut traffic (`Status::may_have_switched`).
pub fn need_back(may_have_switched: bool, tier: Tier) -> Need {
    if may_have_switched && tier.is_protected() {
        Need::TypedName
    } else {
        Need::Confirmation
    }
}

/// What is approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// To begin the plan, and every step of it that needs nobody.
    Plan,
    /// One step of it.
    Step(Step),
}

/// A person's yes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Approval {
    release: ReleaseId,
    digest: Digest,
    scope: Scope,
    by: Operator,
    given_at: Timestamp,
    expires_at: Timestamp,
}

/// Why a yes does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalRefused {
    /// The typed name is another.
    #[error("type {expected} to approve this")]
    WrongName {
        /// What has to be typed.
        expected: String,
    },
    /// It is for another plan, or another digest.
    #[error("that approval belongs to another plan")]
    OtherPlan,
    /// It came too late.
    #[error("that approval expired at {0}: approve again")]
    Expired(Timestamp),
    /// Nothing waits for it.
    #[error("{0} is not waiting for an approval")]
    NotWaiting(Step),
}

impl Approval {
    /// An operator says yes. `typed` is what was typed where a name is asked for.
    pub fn give(
        plan: &Plan,
        scope: Scope,
        by: Operator,
        typed: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, ApprovalRefused> {
        let needed = match scope {
            Scope::Plan => need_to_begin(plan),
            Scope::Step(step) => need_of(plan, step),
        };
        let environment = plan.target().environment.as_str();
        if needed == Need::TypedName && typed != Some(environment) {
            return Err(ApprovalRefused::WrongName {
                expected: environment.to_owned(),
            });
        }
        Ok(Self::for_plan(plan, scope, by, now))
    }

    /// `--yes`: whoever drives it said yes to everything in advance. Only where the rules allow it.
    pub fn in_advance(
        plan: &Plan,
        scope: Scope,
        by: Operator,
        now: Timestamp,
    ) -> Result<Self, ApprovalRefused> {
        let touches = scope == Scope::Plan && plan.touches_protected();
        if (plan.tier().is_protected() || touches) && !plan.definition.rules.allow_yes {
            return Err(ApprovalRefused::WrongName {
                expected: plan.target().environment.to_string(),
            });
        }
        Ok(Self::for_plan(plan, scope, by, now))
    }

    fn for_plan(plan: &Plan, scope: Scope, by: Operator, now: Timestamp) -> Self {
        let life = plan.definition.timing.approval;
        Self {
            release: plan.release,
            digest: plan.version.digest.clone(),
            scope,
            by,
            given_at: now,
            expires_at: now.checked_add(life).unwrap_or(Timestamp::MAX),
        }
    }

    /// Who gave it.
    pub fn by(&self) -> &Operator {
        &self.by
    }

    /// What it is for.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// When it was given.
    pub fn given_at(&self) -> Timestamp {
        self.given_at
    }

    /// Whether it counts for this plan, now.
    pub fn check(&self, plan: &Plan, now: Timestamp) -> Result<(), ApprovalRefused> {
        if self.release != plan.release || self.digest != plan.version.digest {
            return Err(ApprovalRefused::OtherPlan);
        }
        if now >= self.expires_at {
            return Err(ApprovalRefused::Expired(self.expires_at));
        }
        Ok(())
    }
}

/// Proof that an act may be done: for one release, one digest, one step, one way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Approved {
    release: ReleaseId,
    digest: Digest,
    step: Step,
    direction: Direction,
}

impl Approved {
    /// Whether it covers an act of this plan.
    pub fn covers(&self, plan: &Plan, step: Step, direction: Direction) -> bool {
        self.release == plan.release
            && self.digest == plan.version.digest
            && self.step == step
            && self.direction == direction
    }
}

/// Permission for a step forward: from the tier where nobody is asked, else from an approval of
/// that very step that still counts.
pub(super) fn forward(
    plan: &Plan,
    step: Step,
    approval: Option<&Approval>,
    now: Timestamp,
) -> Option<Approved> {
    let allowed = match need_of(plan, step) {
        Need::Nothing => true,
        Need::Confirmation | Need::TypedName => {
            approval.is_some_and(|a| a.scope == Scope::Step(step) && a.check(plan, now).is_ok())
        }
    };
    allowed.then(|| proof(plan, step, Direction::Forward))
}

/// Permission for a step back. The way back is decided as a whole: by a person, by a crossed
/// threshold, or by the operator's choice in advance to back out of failures.
pub(super) fn back(plan: &Plan, step: Step) -> Approved {
    proof(plan, step, Direction::Back)
}

fn proof(plan: &Plan, step: Step, direction: Direction) -> Approved {
    Approved {
        release: plan.release,
        digest: plan.version.digest.clone(),
        step,
        direction,
    }
}
