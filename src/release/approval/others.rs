//! Approvals by others than the operator: how many a plan needs before its traffic moves, and which of
//! those that were given count at a moment. Pure.
//!
//! Rollbacks need none: at three in the morning nobody else may be there, and what is gone back to was live
//! before.

use jiff::Timestamp;

use super::{Need, need};
use crate::history::{ReleaseKind, Step};
use crate::inventory::{Endorsement, Operator, Target};
use crate::release::Plan;
use crate::release::words::duration;

/// How many people other than the operator have to approve it before the switch. A hold that is
/// overridden in a protected environment takes at least a second person.
pub fn approvers_needed(plan: &Plan) -> usize {
    if plan.kind != ReleaseKind::Promote {
        return 0;
    }
    let second = usize::from(plan.overrides_hold() && plan.tier().is_protected());
    usize::from(plan.definition.rules.approvals).max(second)
}

/// Why a release is not approved by another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotEndorsed {
    /// Nobody else has to.
    #[error(
        "it needs no approval by others: rules.approvals of its environment says how many it does"
    )]
    NeedsNone,
    /// Its traffic has moved, or may have.
    #[error("its traffic has moved already: there is nothing to approve")]
    TooLate,
    /// Nobody does for themselves.
    #[error("{by} began it or drives it: nobody approves their own release, somebody else has to")]
    Own {
        /// Whose it is.
        by: Operator,
    },
    /// The store did not take it.
    #[error("it cannot be approved: {why}")]
    NotTaken {
        /// Why.
        why: String,
    },
    /// There is nothing of this operator's to take back.
    #[error("nothing you have approved counts here any more")]
    Nothing,
}

/// What somebody else is asked for before they approve a plan: as much as its operator is for the switch.
pub fn need_to_endorse(plan: &Plan) -> Need {
    need(Step::Switch, plan.tier()).max(Need::Confirmation)
}

/// Those that count: for this plan of this digest, not run out, one a person, and of nobody who began the
/// release or drives it.
pub fn counted<'a>(
    plan: &Plan,
    given: &'a [Endorsement],
    driver: Option<&Operator>,
    now: Timestamp,
) -> Vec<&'a Endorsement> {
    let mark = plan.mark();
    let mut counted: Vec<&Endorsement> = Vec::new();
    for one in given {
        let is_of_it = one.release == plan.release
            && one.digest == plan.version.digest
            && one.plan == mark
            && one.given_at <= one.expires_at
            && now < one.expires_at;
        let is_own = one.by.is_same_person(&plan.operator)
            || driver.is_some_and(|driver| one.by.is_same_person(driver));
        let is_again = counted.iter().any(|it| it.by.is_same_person(&one.by));
        if is_of_it && !is_own && !is_again {
            counted.push(one);
        }
    }
    counted
}

/// The operator who may not approve a release because it is theirs: who opened it, or who drives it.
pub fn own_release<'a>(
    operator: &Operator,
    plan: &'a Plan,
    driver: Option<&'a Operator>,
) -> Option<&'a Operator> {
    std::iter::once(&plan.operator)
        .chain(driver)
        .find(|one| one.is_same_person(operator))
}

/// `needs 1 approval by someone else`.
pub(in crate::release) fn needs_words(needed: usize) -> String {
    match needed {
        1 => "needs 1 approval by someone else".to_owned(),
        _ => format!("needs {needed} approvals by other people"),
    }
}

/// `needs 2 approvals by other people, has 1: ben@ops-2, for 52m`.
pub fn endorsed_words(needed: usize, counted: &[&Endorsement], now: Timestamp) -> String {
    let mut words = format!("{}, has {}", needs_words(needed), counted.len());
    let names: Vec<String> = counted
        .iter()
        .map(|one| {
            let left = one.expires_at.duration_since(now).unsigned_abs();
            let left = std::time::Duration::from_secs(left.as_secs());
            format!("{}, for {}", one.by, duration(left))
        })
        .collect();
    if !names.is_empty() {
        words = format!("{words}: {}", names.join("; "));
    }
    words
}

/// Who can approve a release: `anyone except ana@ops-1 and ben@ops-2`.
pub fn approvers_words(plan: &Plan, driver: Option<&Operator>) -> String {
    let driver = driver.filter(|driver| !driver.is_same_person(&plan.operator));
    match driver {
        Some(driver) => format!("anyone except {} and {driver}", plan.operator),
        None => format!("anyone except {}", plan.operator),
    }
}

/// The command that approves a release of a target.
pub fn approve_command(target: &Target) -> String {
    format!(
        "greenroom approve {} {}",
        target.service, target.environment
    )
}

/// What the operator has to know about approvals before a release begins; nothing where the rules ask for none.
pub fn approvals_ahead(plan: &Plan) -> Option<String> {
    let needed = approvers_needed(plan);
    if needed > 0 {
        return Some(format!(
            "the switch {}: {}",
            needs_words(needed),
            approvers_words(plan, None)
        ));
    }
    let is_rollback = plan.kind != ReleaseKind::Promote;
    (is_rollback && plan.definition.rules.approvals > 0)
        .then(|| "a rollback needs no approval by others".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_many_approvals_are_needed_reads_as_a_sentence() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(
            endorsed_words(1, &[], now),
            "needs 1 approval by someone else, has 0"
        );
        assert_eq!(
            endorsed_words(2, &[], now),
            "needs 2 approvals by other people, has 0"
        );
    }
}
