//! Permission for a repair. An approval is for exactly the planned actions, and expires. No action is performed without
//! an [`ApprovedRepair`], which can be made only from an approval.

use jiff::Timestamp;

use super::ApprovalRefused;
use crate::inventory::{Operator, ReleaseId};
use crate::release::{Action, Need, RepairPlan};

/// What a repair requires from a person. In a protected environment, the person types the environment's name if an
/// action is grave ([`Action::is_grave`]). In an unprotected environment, the person types the name if the repair
/// may cut connections of a protected target. In every environment, the person types the name if the repair lowers the
/// generation of a route. Otherwise a confirmation is enough.
pub fn need_to_repair(plan: &RepairPlan) -> Need {
    let is_grave = plan
        .repair_actions
        .iter()
        .any(|planned| planned.repair_action.is_grave());
    if (is_grave && plan.tier().is_protected())
        || plan.touches_protected()
        || plan.lowers_generation()
    {
        Need::TypedName
    } else {
        Need::Confirmation
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairApproval {
    repair: ReleaseId,
    repair_actions: Vec<Action>,
    by: Operator,
    expires_at: Timestamp,
}

impl RepairApproval {
    /// Makes the approval of an operator. `typed` is what the operator typed, if the environment's name is required.
    pub fn give(
        plan: &RepairPlan,
        by: Operator,
        typed: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, ApprovalRefused> {
        let environment = plan.target().environment.as_str();
        if need_to_repair(plan) == Need::TypedName && typed != Some(environment) {
            return Err(ApprovalRefused::WrongName {
                expected: environment.to_owned(),
            });
        }
        Ok(Self::of(plan, by, now))
    }

    /// Makes the approval that `--yes` gives in advance. If the environment is protected, or the repair may cut
    /// connections of a protected target, the rules must have `allow_yes`. Lowering the generation of a route is never
    /// approved in advance.
    pub fn in_advance(
        plan: &RepairPlan,
        by: Operator,
        now: Timestamp,
    ) -> Result<Self, ApprovalRefused> {
        let environment = plan.target().environment.to_string();
        if plan.lowers_generation() {
            return Err(ApprovalRefused::NeverInAdvance { environment });
        }
        let needs_rule = plan.tier().is_protected() || plan.touches_protected();
        if needs_rule && !plan.definition.rules.allow_yes {
            return Err(ApprovalRefused::YesNotAllowed { environment });
        }
        Ok(Self::of(plan, by, now))
    }

    fn of(plan: &RepairPlan, by: Operator, now: Timestamp) -> Self {
        let life = plan.definition.timing.approval;
        Self {
            repair: plan.id,
            repair_actions: plan.only_actions(),
            by,
            expires_at: now.checked_add(life).unwrap_or(Timestamp::MAX),
        }
    }

    pub fn by(&self) -> &Operator {
        &self.by
    }

    /// Permission for the actions of this plan. Fails if the approval was given for other actions or has expired.
    pub fn approve(
        &self,
        plan: &RepairPlan,
        now: Timestamp,
    ) -> Result<ApprovedRepair, ApprovalRefused> {
        if self.repair != plan.id || self.repair_actions != plan.only_actions() {
            return Err(ApprovalRefused::OtherPlan);
        }
        if now >= self.expires_at {
            return Err(ApprovalRefused::Expired(self.expires_at));
        }
        Ok(ApprovedRepair {
            repair_actions: self.repair_actions.clone(),
        })
    }
}

/// Proof that the actions of a repair may be performed.
#[derive(Debug, Clone)]
pub struct ApprovedRepair {
    repair_actions: Vec<Action>,
}

impl ApprovedRepair {
    pub fn covers(&self, repair_action: &Action) -> bool {
        self.repair_actions.contains(repair_action)
    }
}
