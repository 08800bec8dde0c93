//! Reads, gives and withdraws approvals by operators who do not drive the release.

use super::{Engine, clocks, unknown};
use crate::checks::{CaseReport, Verdict};
use crate::inventory::{
    Operator, PeerApproval, PerSlot, RegistryRecord, ReleaseId, SlotMembers, Target,
};
use crate::ports::FailureKind;
use crate::release::approval::{
    Approvable, looks_like_owner, name_not_proved, own_release, unread_approvals, weigh,
};
use crate::release::describe::duration;
use crate::release::time::elapsed;
use crate::release::{Interrupted, NotPeerApproved, Refusal, Refused, Status};
use crate::sanitize::sanitize;

/// A release that needs approvals by other operators, and the approvals so far.
#[derive(Debug, Clone)]
pub struct PeerApprovable {
    pub found: Interrupted,
    /// How many approvals the release needs.
    pub needed: usize,
    /// The approvals that count now.
    pub given: Vec<PeerApproval>,
    /// Messages about approvals that do not count. Approvals that have expired by the clock of this machine are left
    /// out.
    pub ignored: Vec<String>,
}

impl Engine {
    /// Reads the current release of a target, or the release `id`, with its approvals by other operators. Refused if
    /// the release needs no approvals, or if the release may already have moved the traffic.
    pub async fn peer_approvable(
        &self,
        target: &Target,
        id: Option<ReleaseId>,
    ) -> Result<PeerApprovable, Refused> {
        let found = self.interrupted(target, id).await?;
        let status = &found.observed.status;
        let needed = status.approvable().approvers_needed();
        if needed == 0 {
            return Err(not_approved(NotPeerApproved::NeedsNone));
        }
        if status.may_have_switched {
            return Err(not_approved(NotPeerApproved::TooLate));
        }
        let driver = found.driver().map(|holder| holder.record.operator.clone());
        let (given, ignored) = self.weighed(status.approvable(), driver.as_ref()).await?;
        Ok(PeerApprovable {
            found,
            needed,
            given,
            ignored,
        })
    }

    /// The approvals of a release that count.
    pub async fn counted_approvals(
        &self,
        status: &Status,
        driver: Option<&Operator>,
    ) -> Result<Vec<PeerApproval>, Refused> {
        Ok(self.weighed(status.approvable(), driver).await?.0)
    }

    /// The approvals of a release that count, and the reasons why other approvals do not count.
    async fn weighed(
        &self,
        approvable: Approvable<'_>,
        driver: Option<&Operator>,
    ) -> Result<(Vec<PeerApproval>, Vec<String>), Refused> {
        let target = approvable.plan.target();
        let Some(site) = self.sites.get(target) else {
            return Err(Refusal::UnknownTarget(target.clone()).into());
        };
        let record: RegistryRecord =
            site.read.registry.read(target).await.map_err(|failure| {
                unknown("which approvals other operators have given", &failure)
            })?;
        let clocks = clocks(site, self.clock.as_ref()).await;
        let now = self.clock.now();
        let weighed = weigh(approvable, &record.peer_approvals, driver, (now, &clocks));
        let mut ignored = weighed.ignored;
        ignored.extend(unread_approvals(target, &record.problems));
        Ok((weighed.counted.into_iter().cloned().collect(), ignored))
    }

    /// The members of both slots of a target. A user interface compares the configurations with which they were
    /// created.
    pub async fn in_slots(&self, target: &Target) -> Result<PerSlot<SlotMembers>, Refused> {
        let Some(site) = self.sites.get(target) else {
            return Err(Refusal::UnknownTarget(target.clone()).into());
        };
        let found = site.read.runtime.instances(target).await;
        let found = found.map_err(|failure| unknown("what is in the slots", &failure))?;
        Ok(SlotMembers::by_slot(found))
    }

    /// Checks the operator's name if the plan needs approvals and the store authenticates its writers: the name must be
    /// the authenticated one. Otherwise one person could open a release under one name and approve it under a second
    /// name.
    pub(super) fn check_name(&self, approvable: Approvable<'_>) -> Result<(), Refused> {
        if approvable.approvers_needed() == 0 {
            return Ok(());
        }
        let write = self
            .sites
            .get(approvable.plan.target())
            .and_then(|it| it.write.as_ref());
        let proved = write.and_then(|write| write.store.peer_approvals.proved_name());
        name_not_proved(&self.operator, proved).map_or(Ok(()), |why| Err(not_approved(why)))
    }

    /// Checks that the operator of this console may approve a release. The operator must pass `check_name`,
    /// must not have opened the release, and must not drive it. The operator's name must not look like the name of an
    /// operator who opened or drives the release.
    pub fn may_peer_approve(&self, found: &Interrupted) -> Result<(), Refused> {
        let approvable = found.observed.status.approvable();
        self.check_name(approvable)?;
        let driver = found.driver().map(|holder| &holder.record.operator);
        if let Some(by) = own_release(&self.operator, approvable, driver) {
            return Err(not_approved(NotPeerApproved::Own { by: by.clone() }));
        }
        match looks_like_owner(&self.operator, approvable, driver) {
            Some(owner) => Err(not_approved(NotPeerApproved::LooksLike {
                owner: owner.clone(),
            })),
            None => Ok(()),
        }
    }

    /// Approves a release that another operator drives, as the operator of this console. `seen` is the mark of what the
    /// operator has seen: if a check was overridden since, the release is not approved.
    pub async fn peer_approve(
        &self,
        target: &Target,
        id: ReleaseId,
        seen: &str,
        note: Option<String>,
    ) -> Result<PeerApproval, Refused> {
        let PeerApprovable { found, .. } = self.peer_approvable(target, Some(id)).await?;
        let plan = found.plan();
        self.may_peer_approve(&found)?;
        let mark = found.observed.status.approvable().mark();
        if mark != seen {
            return Err(not_approved(NotPeerApproved::Changed));
        }
        let now = self.clock.now();
        let life = plan.definition.rules.approvals_last;
        let peer_approval = PeerApproval {
            release: plan.release,
            digest: plan.version.digest.clone(),
            plan: mark,
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
        match write
            .store
            .peer_approvals
            .give(target, &peer_approval)
            .await
        {
            Ok(()) => Ok(peer_approval),
            Err(failure) if failure.kind == FailureKind::Conflict => {
                Err(not_approved(NotPeerApproved::NotTaken {
                    why: failure.message,
                }))
            }
            Err(failure) => Err(unknown("whether the approval was stored", &failure)),
        }
    }

    /// Withdraws the approval of this console's operator. Refused if that operator has no approval that counts.
    pub async fn withdraw_peer_approval(
        &self,
        target: &Target,
        id: ReleaseId,
    ) -> Result<(), Refused> {
        let PeerApprovable { given, .. } = self.peer_approvable(target, Some(id)).await?;
        let own = given
            .iter()
            .find(|approval| approval.by.is_same_person(&self.operator));
        let own = own.ok_or_else(|| not_approved(NotPeerApproved::Nothing))?;
        let site = self.sites.get(target);
        let write = site.and_then(|site| site.write.as_ref());
        let write = write.ok_or(Refusal::ReadOnly)?;
        let withdrawn = write.store.peer_approvals.withdraw(target, own).await;
        withdrawn.map_err(|failure| unknown("whether the approval was withdrawn", &failure))
    }
}

fn not_approved(why: NotPeerApproved) -> Refused {
    Refusal::NotPeerApproved(why).into()
}

/// The longest note that is kept, in characters.
const LONGEST_NOTE: usize = 500;

/// The note as the store keeps it: on one line, without control characters, and cut to [`LONGEST_NOTE`]. None if it is
/// empty.
fn note_kept(note: &str) -> Option<String> {
    let note = sanitize(note);
    let note: String = note.trim().chars().take(LONGEST_NOTE).collect();
    (!note.is_empty()).then_some(note)
}

/// The results of the checks when the approver approved, for the record.
fn evidence(status: &Status, now: jiff::Timestamp) -> String {
    let Some(at) = status.checked_at else {
        return "no checks had been run".to_owned();
    };
    let passed = |case: &&CaseReport| case.verdict == Verdict::Passed;
    format!(
        "{} of {} checks passed for {}, {} ago",
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
