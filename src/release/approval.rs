//! Permissions for acts. An act that changes the servers needs an [`Approved`]. Only this module makes an [`Approved`]:
//! from an operator's [`Approval`], without an approval if the step needs none, or for backing out.
//!
//! An approval is for one release and one digest, and expires (interlock 9). In a protected environment, *register*
//! (the first act after *verify*) and *switch* need their own approvals (interlock 10), and so does *stop*. For a warm
//! rollback, the approval of the plan covers *register* and *switch*.

mod not_peer_approved;
mod others;
mod repair;

use jiff::Timestamp;

pub use not_peer_approved::NotPeerApproved;
pub use others::{
    Approvable, Weighed, approvals_ahead, approve_command, approvers_words, need_to_peer_approve,
    own_release, peer_approved_words, unread_approvals, weigh,
};
pub(super) use others::{looks_like_owner, name_not_proved, needs_words};
pub use repair::{ApprovedRepair, RepairApproval, need_to_repair};

use super::time::after;
use super::{Need, Plan, ladder};
use crate::history::{Direction, ReleaseKind, Step};
use crate::inventory::{Digest, Operator, ReleaseId, Tier, local_time};

/// What a step forward requires from a person in a tier.
pub fn need(step: Step, tier: Tier) -> Need {
    ladder::definition(step).need_in(tier)
}

/// What a plan requires from a person before it is started. Usually a confirmation is enough. A person types the
/// environment's name if a release in an unprotected environment may cut connections of a protected target, and for a
/// warm rollback in a protected environment. The typed name for a warm rollback covers every step up to and including
/// the switch, because a rollback must be quick.
pub fn need_to_begin(plan: &Plan) -> Need {
    let is_warm = plan.kind == ReleaseKind::WarmRollback;
    if (is_warm && plan.tier().is_protected()) || plan.touches_protected() {
        Need::TypedName
    } else {
        Need::Confirmation
    }
}

/// What a step of this plan requires from a person, in addition to what the start of the plan requires
/// ([`need_to_begin`]).
pub fn need_of(plan: &Plan, step: Step) -> Need {
    ladder::definition(step).need(plan)
}

/// What backing out requires from a person. With `may_have_switched`, backing out may move the traffic (see
/// `Status::may_have_switched`).
pub fn need_back(may_have_switched: bool, tier: Tier) -> Need {
    if may_have_switched && tier.is_protected() {
        Need::TypedName
    } else {
        Need::Confirmation
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The start of the plan, and every step that needs no separate approval.
    Plan,
    Step(Step),
}

/// An operator's approval of a plan or of a step. It expires.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Approval {
    release: ReleaseId,
    digest: Digest,
    scope: Scope,
    by: Operator,
    given_at: Timestamp,
    expires_at: Timestamp,
}

/// Why an approval does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalRefused {
    #[error("type {expected} (the name of the environment) to approve")]
    WrongName { expected: String },
    /// The approval was given in advance with `--yes`, and the rules of the environment do not allow this.
    #[error(
        "the rules of {environment} do not allow --yes: run the command without --yes and answer its questions, or set environments.{environment}.rules.allow_yes = true in the configuration file"
    )]
    YesNotAllowed { environment: String },
    /// The approval of a repair was given in advance with `--yes`, and the repair lowers the generation of a route.
    #[error(
        "the repair lowers the generation of the route, which an operator must confirm by typing {environment} (the name of the environment)"
    )]
    NeverInAdvance { environment: String },
    #[error("this approval belongs to another plan: approve the current plan")]
    OtherPlan,
    #[error("this approval expired at {}: approve again", local_time::moment(*.0))]
    Expired(Timestamp),
}

impl Approval {
    /// Makes the approval of an operator. `typed` is what the operator typed, if the environment's name is required.
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

    /// Makes the approval that `--yes` or an agent gives in advance. If the environment is protected, or the plan may
    /// cut connections of a protected target, the rules must have `allow_yes`. An agent never gives one there.
    pub fn in_advance(
        plan: &Plan,
        scope: Scope,
        by: Operator,
        now: Timestamp,
    ) -> Result<Self, ApprovalRefused> {
        let touches = scope == Scope::Plan && plan.touches_protected();
        let is_allowed = plan.definition.rules.allow_yes && plan.trigger.is_none();
        if (plan.tier().is_protected() || touches) && !is_allowed {
            return Err(ApprovalRefused::YesNotAllowed {
                environment: plan.target().environment.to_string(),
            });
        }
        Ok(Self::for_plan(plan, scope, by, now))
    }

    fn for_plan(plan: &Plan, scope: Scope, by: Operator, now: Timestamp) -> Self {
        Self {
            release: plan.release,
            digest: plan.version.digest.clone(),
            scope,
            by,
            given_at: now,
            expires_at: after(now, plan.definition.timing.approval),
        }
    }

    pub fn by(&self) -> &Operator {
        &self.by
    }

    pub fn scope(&self) -> Scope {
        self.scope
    }

    pub fn given_at(&self) -> Timestamp {
        self.given_at
    }

    /// Checks that the approval is for this plan and has not expired at `now`.
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

/// Proof that an act may be performed, for one step of one release and one digest in one direction.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Approved {
    release: ReleaseId,
    digest: Digest,
    step: Step,
    direction: Direction,
}

impl Approved {
    pub fn covers(&self, plan: &Plan, step: Step, direction: Direction) -> bool {
        self.release == plan.release
            && self.digest == plan.version.digest
            && self.step == step
            && self.direction == direction
    }
}

/// Permission for a step forward. It is given if the step needs no approval, or if `approval` is valid and for exactly
/// this step.
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

/// Permission for a step back. It needs no approval, because the decision to back out covers all steps back: a person
/// made it, a threshold was crossed, or the operator chose in advance to back out after a failure.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expired_approval_names_the_time_in_the_zone_of_this_machine() {
        let at: Timestamp = "2026-11-20T13:02:11.250Z".parse().expect("a time");
        let expected = format!(
            "this approval expired at {}: approve again",
            local_time::moment(at)
        );
        assert_eq!(ApprovalRefused::Expired(at).to_string(), expected);
    }
}
