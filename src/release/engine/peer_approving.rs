//! Approvals by other operators: read, given and withdrawn by operators who do not drive the release.

use super::{Engine, clocks, unknown};
use crate::checks::Verdict;
use crate::inventory::{
    Instance, Operator, PeerApproval, PerSlot, RegistryRecord, ReleaseId, Target,
};
use crate::ports::FailureKind;
use crate::release::approval::{approvers_needed, own_release, unread_approvals, weigh};
use crate::release::describe::duration;
use crate::release::time::elapsed;
use crate::release::{Interrupted, NotPeerApproved, Plan, Refusal, Refused, Status};
use crate::sanitize::sanitize;

/// A release that other operators may approve, and their approvals so far.
#[derive(Debug, Clone)]
pub struct PeerApprovable {
    /// The release.
    pub found: Interrupted,
    /// How many approvals it needs.
    pub needed: usize,
    /// The approvals that count now.
    pub given: Vec<PeerApproval>,
    /// Approvals that do not count, each with the reason.
    pub ignored: Vec<String>,
}

impl Engine {
    /// The release of a target that waits for other operators, or the given one. Only reads.
    pub async fn peer_approvable(
        &self,
        target: &Target,
        id: Option<ReleaseId>,
    ) -> Result<PeerApprovable, Refused> {
        let found = self.interrupted(target, id).await?;
        let plan = found.plan();
        let needed = approvers_needed(plan);
        if needed == 0 {
            return Err(not(NotPeerApproved::NeedsNone));
        }
        if found.observed.status.may_have_switched {
            return Err(not(NotPeerApproved::TooLate));
        }
        let driver = found.driver().map(|holder| holder.record.operator.clone());
        let (given, ignored) = self.weighed(plan, driver.as_ref()).await?;
        Ok(PeerApprovable {
            found,
            needed,
            given,
            ignored,
        })
    }

    /// The approvals of a plan that count.
    pub async fn given(
        &self,
        plan: &Plan,
        driver: Option<&Operator>,
    ) -> Result<Vec<PeerApproval>, Refused> {
        Ok(self.weighed(plan, driver).await?.0)
    }

    /// The approvals of a plan that count, and why the others do not.
    async fn weighed(
        &self,
        plan: &Plan,
        driver: Option<&Operator>,
    ) -> Result<(Vec<PeerApproval>, Vec<String>), Refused> {
        let target = plan.target();
        let Some(site) = self.sites.get(target) else {
            return Err(Refusal::UnknownTarget(target.clone()).into());
        };
        let record: RegistryRecord = site
            .read
            .registry
            .read(target)
            .await
            .map_err(|failure| unknown("what others have approved", &failure))?;
        let clocks = clocks(site, self.clock.as_ref()).await;
        let now = self.clock.now();
        let weighed = weigh(plan, &record.peer_approvals, driver, (now, &clocks));
        let mut ignored = weighed.ignored;
        ignored.extend(unread_approvals(target, &record.problems));
        Ok((weighed.counted.into_iter().cloned().collect(), ignored))
    }

    /// The instances in both slots of a target, to compare how they were created.
    pub async fn in_slots(&self, target: &Target) -> Result<PerSlot<Option<Instance>>, Refused> {
        let Some(site) = self.sites.get(target) else {
            return Err(Refusal::UnknownTarget(target.clone()).into());
        };
        let found = site.read.runtime.instances(target).await;
        let found = found.map_err(|failure| unknown("what runs in the slots", &failure))?;
        Ok(PerSlot::from_fn(|slot| {
            let mut found = found.iter();
            found.find(|instance| instance.slot == slot).cloned()
        }))
    }

    /// If approvals count and the store proves the writer's name, the operator must use that name. Otherwise one person
    /// could open a release under one name and approve it under another.
    pub(super) fn check_name(&self, plan: &Plan) -> Result<(), Refused> {
        if approvers_needed(plan) == 0 {
            return Ok(());
        }
        let write = self
            .sites
            .get(plan.target())
            .and_then(|it| it.write.as_ref());
        let Some(name) = write.and_then(|write| write.peer_approvals.proved_name()) else {
            return Ok(());
        };
        let proved = Operator {
            name: name.to_owned(),
            host: String::new(),
        };
        if proved.is_same_person(&self.operator) {
            return Ok(());
        }
        Err(not(NotPeerApproved::NameNotProved {
            name: self.operator.name.clone(),
            proved: name.to_owned(),
        }))
    }

    /// Whether the operator of this console may approve a release. Operators do not approve their own.
    pub fn may_peer_approve(&self, found: &Interrupted) -> Result<(), Refused> {
        self.check_name(found.plan())?;
        let driver = found.driver().map(|holder| &holder.record.operator);
        if let Some(by) = own_release(&self.operator, found.plan(), driver) {
            return Err(not(NotPeerApproved::Own { by: by.clone() }));
        }
        let mut owners = std::iter::once(&found.plan().operator).chain(driver);
        match owners.find(|owner| owner.looks_like(&self.operator)) {
            Some(owner) => Err(not(NotPeerApproved::LooksLike {
                owner: owner.clone(),
            })),
            None => Ok(()),
        }
    }

    /// Approves a release that another operator drives, as the operator of this console.
    pub async fn peer_approve(
        &self,
        target: &Target,
        id: ReleaseId,
        note: Option<String>,
    ) -> Result<PeerApproval, Refused> {
        let PeerApprovable { found, .. } = self.peer_approvable(target, Some(id)).await?;
        let plan = found.plan();
        self.may_peer_approve(&found)?;
        let now = self.clock.now();
        let life = plan.definition.rules.approvals_last;
        let peer_approval = PeerApproval {
            release: plan.release,
            digest: plan.version.digest.clone(),
            plan: plan.mark(),
            by: self.operator.clone(),
            console: self.console.clone(),
            given_at: now,
            expires_at: now.checked_add(life).unwrap_or(jiff::Timestamp::MAX),
            evidence: evidence(&found.observed.status, now),
            note: note.as_deref().and_then(note_kept),
        };
        let site = self.sites.get(target);
        let write = site.and_then(|site| site.write.as_ref());
        let write = write.ok_or(Refusal::ReadOnly)?;
        match write.peer_approvals.give(target, &peer_approval).await {
            Ok(()) => Ok(peer_approval),
            Err(failure) if failure.kind == FailureKind::Conflict => {
                Err(not(NotPeerApproved::NotTaken { why: failure.said }))
            }
            Err(failure) => Err(unknown("whether it is approved", &failure)),
        }
    }

    /// Withdraws the approval of this console's operator.
    pub async fn withdraw_peer_approval(
        &self,
        target: &Target,
        id: ReleaseId,
    ) -> Result<(), Refused> {
        let PeerApprovable { given, .. } = self.peer_approvable(target, Some(id)).await?;
        let own = given
            .iter()
            .find(|one| one.by.is_same_person(&self.operator));
        let own = own.ok_or_else(|| not(NotPeerApproved::Nothing))?;
        let site = self.sites.get(target);
        let write = site.and_then(|site| site.write.as_ref());
        let write = write.ok_or(Refusal::ReadOnly)?;
        let taken = write.peer_approvals.take_back(target, own).await;
        taken.map_err(|failure| unknown("whether it was taken back", &failure))
    }
}

fn not(why: NotPeerApproved) -> Refused {
    Refusal::NotPeerApproved(why).into()
}

/// The longest note that is kept, in characters.
const LONGEST_NOTE: usize = 500;

/// A note as it is kept: on one line, without control characters, and not too long; none if it is empty.
fn note_kept(note: &str) -> Option<String> {
    let note = sanitize(note);
    let note: String = note.trim().chars().take(LONGEST_NOTE).collect();
    (!note.is_empty()).then_some(note)
}

/// The checks as the approver saw them, for the record.
fn evidence(status: &Status, now: jiff::Timestamp) -> String {
    let Some(at) = status.checked_at else {
        return "no checks had been run".to_owned();
    };
    let passed = |case: &&crate::checks::CaseReport| case.verdict == Verdict::Passed;
    format!(
        "{} of {} checks passed, of {}, {} old",
        status.cases.iter().filter(passed).count(),
        status.cases.len(),
        status.plan.version.digest.short(),
        duration(elapsed(at, now))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_kept_on_one_line_without_control_characters() {
        let kept = note_kept("  looked at\u{7} it\nand \u{1b}[31mall of it\n");
        assert_eq!(kept.as_deref(), Some("looked at it and all of it"));
    }

    #[test]
    fn an_empty_note_is_none() {
        assert_eq!(note_kept(" \u{1b}[2J\n"), None);
    }

    #[test]
    fn a_long_note_is_cut() {
        let kept = note_kept(&"é".repeat(2 * LONGEST_NOTE)).unwrap();
        assert_eq!(kept.chars().count(), LONGEST_NOTE);
    }
}
