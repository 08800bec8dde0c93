//! Approvals by others than the operator: how many a plan needs before its traffic moves, and which of
//! those that were given count at a moment. Pure.
//!
//! Rollbacks need none: at three in the morning nobody else may be there, and what is gone back to was live
//! before.
//!
//! No operator can override a missing approval, as they can a hold: an approval is another person's, and who releases
//! must not stand in for that person. So one that expired by a wrong clock is given again, or the clock is set.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Need, need};
use crate::history::{ReleaseKind, Step};
use crate::inventory::{Clocks, Operator, PeerApproval, StoredKey, Target};
use crate::release::Plan;
use crate::release::describe::duration;

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
pub enum NotPeerApproved {
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
    /// Another person, as far as is known, whose name cannot be told from theirs.
    #[error(
        "your name looks like that of {owner}, who opened or drives the release: such an approval does not count"
    )]
    LooksLike {
        /// Whose it looks like.
        owner: Operator,
    },
    /// The store proves another name than the one that is configured here.
    #[error(
        "the store knows you as {proved}, not as {name}, and approvals count by the names that it proves\n  Set name = \"{proved}\" in [operator], or from = \"etcd\"; operators who share a login cannot approve each other's releases."
    )]
    NameNotProved {
        /// What the operator calls themselves.
        name: String,
        /// Who they are to the store.
        proved: String,
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
pub fn need_to_peer_approve(plan: &Plan) -> Need {
    need(Step::Switch, plan.tier()).max(Need::Confirmation)
}

/// How far another machine's clock may be ahead: an approval given later than that does not count yet.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(1);

/// The approvals of a release, and what each is worth.
#[derive(Debug, Default)]
pub struct Weighed<'a> {
    /// Those that count.
    pub counted: Vec<&'a PeerApproval>,
    /// For each of the others that is not simply over: why it does not count.
    pub ignored: Vec<String>,
}

/// Weighs what was given. An approval counts when it is for this release, digest and plan, is not older or longer
/// valid than the rules allow, has not expired by any clock, and when no operator who opened or drives the release gave it. One person has one
/// approval, and so do people whose names look the same.
pub fn weigh<'a>(
    plan: &Plan,
    given: &'a [PeerApproval],
    driver: Option<&Operator>,
    (now, clocks): (Timestamp, &Clocks),
) -> Weighed<'a> {
    let mark = plan.mark();
    let mut weighed = Weighed::default();
    for one in given {
        if one.release != plan.release || one.expires_at <= now {
            continue;
        }
        let why = why_not_of_it(plan, &mark, one)
            .or_else(|| over_by_another_clock(plan, one, now, clocks))
            .or_else(|| why_not_now(plan, one, now))
            .or_else(|| why_not_by(plan, &weighed.counted, one, driver));
        match why {
            None => weighed.counted.push(one),
            Some(why) => weighed
                .ignored
                .push(format!("the approval by {} does not count: {why}", one.by)),
        }
    }
    weighed
}

fn why_not_of_it(plan: &Plan, mark: &str, one: &PeerApproval) -> Option<String> {
    if one.digest != plan.version.digest {
        return Some(format!("it is for the image {}", one.digest.short()));
    }
    (one.plan != mark).then(|| "it is for another plan of this release".to_owned())
}

fn over_by_another_clock(
    plan: &Plan,
    one: &PeerApproval,
    now: Timestamp,
    clocks: &Clocks,
) -> Option<String> {
    let over = clocks.over_by(one.expires_at, now)?;
    let target = plan.target();
    let again = format!(
        "have it approved again with greenroom approve {} {}",
        target.service, target.environment
    );
    // A new one is given by a clock such as this machine's.
    let life = SignedDuration::try_from(plan.definition.rules.approvals_last);
    let lasts = life.is_ok_and(|life| {
        let expires_at = now.checked_add(life).unwrap_or(Timestamp::MAX);
        clocks.over_by(expires_at, now).is_none()
    });
    let next = if lasts {
        format!("{again}, or set the clock that is wrong")
    } else {
        format!(
            "set the clock that is wrong, then {again}: by that clock a new approval would expire at once"
        )
    };
    Some(format!(
        "it has expired by the clock of {}, which is {}: {next}",
        over.of,
        over.seen_from_here()
    ))
}

fn why_not_now(plan: &Plan, one: &PeerApproval, now: Timestamp) -> Option<String> {
    let ahead = one.given_at.duration_since(now);
    if ahead > CLOCKS_DIFFER {
        let ahead = duration(ahead.unsigned_abs());
        return Some(format!("it was given {ahead} in the future"));
    }
    let longest = plan.definition.rules.approvals_last;
    let life = one.expires_at.duration_since(one.given_at);
    (life.is_negative() || life.unsigned_abs() > longest).then(|| {
        let life = duration(life.unsigned_abs());
        let longest = duration(longest);
        format!("it is valid for {life}, and approvals_last allows {longest}")
    })
}

fn why_not_by(
    plan: &Plan,
    counted: &[&PeerApproval],
    one: &PeerApproval,
    driver: Option<&Operator>,
) -> Option<String> {
    let by = &one.by;
    if by.key().is_empty() {
        return Some("it has no name".to_owned());
    }
    if let Some(own) = own_release(by, plan, driver) {
        return Some(format!("{own} opened or drives the release"));
    }
    let mut known: Vec<&Operator> = vec![&plan.operator];
    known.extend(driver);
    if let Some(own) = known.into_iter().find(|own| own.looks_like(by)) {
        return Some(format!(
            "the name looks like that of {own}, who opened or drives the release"
        ));
    }
    let again = counted.iter().find(|it| it.by.looks_like(by));
    again.map(|it| format!("the one by {} counts already", it.by))
}

/// How many unread approvals are named.
const NAMED: usize = 5;

/// Why approvals that a store could not read do not count, from what it reports of its keys. An approver may have
/// written any number of them.
pub fn unread_approvals(target: &Target, problems: &BTreeMap<String, String>) -> Vec<String> {
    let is_approval = |key: &str| StoredKey::of(target, key) == StoredKey::Approval;
    let unread: Vec<_> = problems
        .iter()
        .filter(|(key, _)| is_approval(key))
        .collect();
    let named = unread.iter().take(NAMED);
    let mut lines: Vec<String> = named
        .map(|(key, why)| format!("{key} does not count: {why}"))
        .collect();
    let more = unread.len().saturating_sub(NAMED);
    if more > 0 {
        lines.push(format!("{more} more keys of approvals do not count"));
    }
    lines
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
pub fn peer_approved_words(needed: usize, counted: &[&PeerApproval], now: Timestamp) -> String {
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
            peer_approved_words(1, &[], now),
            "needs 1 approval by someone else, has 0"
        );
        assert_eq!(
            peer_approved_words(2, &[], now),
            "needs 2 approvals by other people, has 0"
        );
    }
}
