//! Approvals by operators who do not drive the release: how many of them a plan needs before its traffic moves, and
//! which approvals in the store count now.
//!
//! A rollback needs no approval by others, because there may be no other operator at night, and because the version was
//! live before.
//!
//! A missing approval cannot be overridden, unlike a hold: the driver must not decide alone. If an approval has expired
//! because of a wrong clock, another operator approves again, or the clock is corrected.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{NotPeerApproved, need};
use crate::checks::{CheckOverride, CheckOverrides};
use crate::history::{Step, canonical};
use crate::inventory::{Clocks, Digest, Operator, PeerApproval, StoredKey, Target};
use crate::release::describe::duration;
use crate::release::{Need, Plan};

/// What other operators approve: a plan, and the checks that were overridden since it was made.
#[derive(Debug, Clone, Copy)]
pub struct Approvable<'a> {
    pub plan: &'a Plan,
    /// All overridden checks, also those that the plan overrides.
    pub overrides: &'a CheckOverrides,
}

impl<'a> Approvable<'a> {
    /// A plan whose release has not started.
    pub fn planned(plan: &'a Plan) -> Self {
        const NONE: &CheckOverrides = &BTreeMap::new();
        Self {
            plan,
            overrides: NONE,
        }
    }

    /// How many other people must approve before the switch. A promote that overrides a hold or a check in a protected
    /// environment needs at least one approval. A rollback needs none.
    pub fn approvers_needed(&self) -> usize {
        let plan = self.plan;
        if plan.kind.is_rollback() {
            return 0;
        }
        let overrides = plan.overrides_hold()
            || !plan.overridden_checks.is_empty()
            || self.overridden_later().next().is_some();
        let second = usize::from(overrides && plan.tier().is_protected());
        usize::from(plan.definition.rules.approvals).max(second)
    }

    /// The checks that were overridden after the plan was made.
    fn overridden_later(&self) -> impl Iterator<Item = (&'a String, &'a CheckOverride)> {
        let planned = &self.plan.overridden_checks;
        let all = self.overrides.iter();
        all.filter(move |(name, _)| !planned.contains(name))
    }

    /// The hash that an approval names: of the plan, and of the checks that were overridden since. So an approval that
    /// was given before a check was overridden does not count.
    pub fn mark(&self) -> String {
        let overridden: BTreeMap<_, _> = self.overridden_later().collect();
        if overridden.is_empty() {
            return self.plan.mark();
        }
        let content = canonical(&(self.plan.mark(), overridden));
        Digest::of(content.as_bytes()).as_str().to_owned()
    }

    /// The operators whose own decision the others approve: they opened or drive the release, or overrode a check.
    fn owners(&self, driver: Option<&'a Operator>) -> impl Iterator<Item = &'a Operator> {
        let overrode = self.overridden_later().map(|(_, decision)| &decision.by);
        std::iter::once(&self.plan.operator)
            .chain(driver)
            .chain(overrode)
    }
}

/// What another operator must confirm to approve a plan: the same as the driver must confirm for *switch*, and for
/// *stop-old* of a scheduler.
pub fn need_to_peer_approve(plan: &Plan) -> Need {
    need(Step::Switch, plan.tier()).max(Need::Confirmation)
}

/// How far the clock of an approver may be ahead. An approval that was given further in the future does not count yet.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(1);

/// The approvals of a release, and which of them count.
#[derive(Debug, Default)]
pub struct Weighed<'a> {
    pub counted: Vec<&'a PeerApproval>,
    /// One message for each approval of the release that does not count. Approvals that have expired by this machine's
    /// clock are left out.
    pub ignored: Vec<String>,
}

/// Decides which approvals count. An approval must be for this release, digest and plan, and must not have expired by
/// any clock. An approval must not be given more than a minute in the future, and must not be valid for longer than
/// `rules.approvals_last`. The approver must have a name. The operators who opened or drive the release cannot approve
/// it. An approver whose name looks like one of their names cannot approve it either. If the names of several approvers
/// are the same or look the same, only one approval counts.
pub fn weigh<'a>(
    approvable: Approvable<'_>,
    given: &'a [PeerApproval],
    driver: Option<&Operator>,
    (now, clocks): (Timestamp, &Clocks),
) -> Weighed<'a> {
    let plan = approvable.plan;
    let mark = approvable.mark();
    let mut weighed = Weighed::default();
    for approval in given {
        if approval.release != plan.release || approval.expires_at <= now {
            continue;
        }
        let why = why_not_for_plan(plan, &mark, approval)
            .or_else(|| expired_by_another_clock(plan, approval, now, clocks))
            .or_else(|| why_not_now(plan, approval, now))
            .or_else(|| why_not_by(approvable, &weighed.counted, approval, driver));
        match why {
            None => weighed.counted.push(approval),
            Some(why) => weighed.ignored.push(format!(
                "the approval by {} does not count: {why}",
                approval.by
            )),
        }
    }
    weighed
}

fn why_not_for_plan(plan: &Plan, mark: &str, approval: &PeerApproval) -> Option<String> {
    if approval.digest != plan.version.digest {
        return Some(format!("it is for the image {}", approval.digest.short()));
    }
    if approval.plan == mark {
        return None;
    }
    Some(if approval.plan == plan.mark() {
        "it was given before a check was overridden".to_owned()
    } else {
        "it is for another plan of this release, or for other overridden checks".to_owned()
    })
}

fn expired_by_another_clock(
    plan: &Plan,
    approval: &PeerApproval,
    now: Timestamp,
    clocks: &Clocks,
) -> Option<String> {
    let over = clocks.clock_past(approval.expires_at, now)?;
    let target = plan.target();
    let again = format!(
        "have it approved again with greenroom approve {} {}",
        target.service, target.environment
    );
    // A new approval is assumed to come from a machine whose clock is like the clock of this machine.
    let life = SignedDuration::try_from(plan.definition.rules.approvals_last);
    let lasts = life.is_ok_and(|life| {
        let expires_at = now.checked_add(life).unwrap_or(Timestamp::MAX);
        clocks.clock_past(expires_at, now).is_none()
    });
    let next = if lasts {
        format!("{again}, or correct the wrong clock")
    } else {
        format!(
            "correct the wrong clock, then {again}. Before that, a new approval would expire immediately"
        )
    };
    Some(format!(
        "it has expired by the clock of {}, which is {}: {next}",
        over.of,
        over.relative_to_this_machine()
    ))
}

fn why_not_now(plan: &Plan, approval: &PeerApproval, now: Timestamp) -> Option<String> {
    let ahead = approval.given_at.duration_since(now);
    if ahead > CLOCKS_DIFFER {
        let ahead = duration(ahead.unsigned_abs());
        return Some(format!("it was given {ahead} in the future"));
    }
    let longest = plan.definition.rules.approvals_last;
    let life = approval.expires_at.duration_since(approval.given_at);
    (life.is_negative() || life.unsigned_abs() > longest).then(|| {
        let life = duration(life.unsigned_abs());
        let longest = duration(longest);
        format!("it is valid for {life}, but rules.approvals_last allows only {longest}")
    })
}

fn why_not_by(
    approvable: Approvable<'_>,
    counted: &[&PeerApproval],
    approval: &PeerApproval,
    driver: Option<&Operator>,
) -> Option<String> {
    let by = &approval.by;
    if by.key().is_empty() {
        return Some("the approver has no name".to_owned());
    }
    if let Some(own) = own_release(by, approvable, driver) {
        return Some(format!(
            "{own} opened or drives the release, or overrode a check"
        ));
    }
    if let Some(own) = looks_like_owner(by, approvable, driver) {
        return Some(format!(
            "the name looks like that of {own}, who opened or drives the release, or overrode a check"
        ));
    }
    let again = counted.iter().find(|it| it.by.looks_like(by));
    again.map(|it| format!("an approval by {} already counts", it.by))
}

/// Why the name of an operator does not count, if the store authenticates its writers: `proved` is the authenticated
/// name. Otherwise one person could release under one name and approve under another one.
pub(in crate::release) fn name_not_proved(
    operator: &Operator,
    proved: Option<&str>,
) -> Option<NotPeerApproved> {
    let name = proved?;
    let person = Operator {
        name: name.to_owned(),
        host: String::new(),
    };
    (!person.is_same_person(operator)).then(|| NotPeerApproved::NameNotProved {
        name: operator.name.clone(),
        proved: name.to_owned(),
    })
}

/// How many unreadable approvals are listed by name.
const NAMED: usize = 5;

/// The messages about approvals in the store that cannot be read and so do not count. An approver may have written any
/// number of them, so only the first [`NAMED`] are listed by name.
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

/// The operator who opened or drives the release or overrode one of its checks, if this is the same person as
/// `operator`. Such an operator must not approve the release.
pub fn own_release<'a>(
    operator: &Operator,
    approvable: Approvable<'a>,
    driver: Option<&'a Operator>,
) -> Option<&'a Operator> {
    let mut owners = approvable.owners(driver);
    owners.find(|owner| owner.is_same_person(operator))
}

/// The operator of [`own_release`] whose name looks like that of `operator`.
pub(in crate::release) fn looks_like_owner<'a>(
    operator: &Operator,
    approvable: Approvable<'a>,
    driver: Option<&'a Operator>,
) -> Option<&'a Operator> {
    let mut owners = approvable.owners(driver);
    owners.find(|owner| owner.looks_like(operator))
}

/// States how many approvals are needed: `needs 1 approval by someone else`.
pub(in crate::release) fn needs_words(needed: usize) -> String {
    match needed {
        1 => "needs 1 approval by someone else".to_owned(),
        _ => format!("needs {needed} approvals by other people"),
    }
}

/// States how many approvals are needed and exist: `needs 2 approvals by other people, has 1: ben@ops-2, for 52m`.
pub fn peer_approved_words(needed: usize, counted: &[&PeerApproval], now: Timestamp) -> String {
    let mut summary = format!("{}, has {}", needs_words(needed), counted.len());
    let names: Vec<String> = counted
        .iter()
        .map(|approval| {
            let left = approval.expires_at.duration_since(now).unsigned_abs();
            let left = std::time::Duration::from_secs(left.as_secs());
            format!("{}, for {}", approval.by, duration(left))
        })
        .collect();
    if !names.is_empty() {
        summary = format!("{summary}: {}", names.join("; "));
    }
    summary
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

/// What the operator should know about approvals by others before a release starts; none if the rules require no
/// approvals.
pub fn approvals_ahead(plan: &Plan) -> Option<String> {
    let needed = Approvable::planned(plan).approvers_needed();
    if needed > 0 {
        return Some(format!(
            "the switch {}: {}",
            needs_words(needed),
            approvers_words(plan, None)
        ));
    }
    let is_rollback = plan.kind.is_rollback();
    (is_rollback && plan.definition.rules.approvals > 0)
        .then(|| "a rollback needs no approval by others".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_needed_approvals_is_singular_or_plural() {
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
