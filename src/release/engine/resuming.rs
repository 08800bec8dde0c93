//! Resumes a release that has no driver, or takes it over from a running driver. The engine reads the release, takes
//! the lock, reads the journal again under the lock, and starts a driver. The new lock has a new token, so the store
//! refuses the next write of the previous driver.

use std::sync::Arc;

use super::{Driven, Engine, behind_the_proxy, clocks, release_lock, unknown};
use crate::history::{
    Chain, ObservedSwitches, Recorded, ReleaseRecord, Successor, Takeover, current, ignored_claims,
    overtaken_by,
};
use crate::inventory::{
    Clocks, FencingToken, LockHolder, LockPurpose, LockRecord, Operator, RegistryRecord, ReleaseId,
    Target,
};
use crate::ports::{Acquired, Lease};
use crate::release::gather::{past_and_unreadable, proxy_generation};
use crate::release::interrupted::not_overtaken;
use crate::release::replay::Replay;
use crate::release::unreadable::unreadable_release;
use crate::release::{
    Approvable, Approval, Handle, Interrupted, Machine, OnFailure, Plan, Refusal, Refused,
    ResumeAction, Resumption, Scope, Site, TargetState, Writing,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    pub resume_action: ResumeAction,
    pub reason: Option<String>,
    /// The takeover of the lock from another driver. Without a takeover, the engine takes only a free lock, a lock that
    /// was handed over to this console, or a lock that an ended driver of this console left behind.
    pub takeover: Option<TakeoverRequest>,
    /// The operator who must have driven the release last. If another operator has driven it since, it is not resumed.
    /// None if any operator may have driven it.
    pub left_by: Option<Operator>,
}

/// A takeover of a lock from a running driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakeoverRequest {
    /// The reason. An empty reason is refused.
    pub why: String,
    /// The token of the lock that the operator saw. If the lock has another token now, the takeover is refused.
    pub from: FencingToken,
}

impl Engine {
    /// Reads the current release of a target, or the release `id`. Refused if the release has ended.
    pub async fn interrupted(
        &self,
        target: &Target,
        id: Option<ReleaseId>,
    ) -> Result<Interrupted, Refused> {
        let Some(site) = self.sites.get(target) else {
            return Err(Refusal::UnknownTarget(target.clone()).into());
        };
        // The lock is read before the journal: a driver that has released the lock has already recorded that it
        // stopped, or how the release ended.
        let record = site.read.registry.read(target).await;
        let mut record =
            record.map_err(|failure| unknown("what the store says about the target", &failure))?;
        if record
            .lock
            .as_ref()
            .is_some_and(|it| self.was_left_by_own_driver(target, it))
        {
            record.lock = None;
        }
        let past = newest(site).await?;
        let current = current(&past);
        if id.is_none()
            && let Some(holder) = &record.lock
            && current.is_none_or(|head| head.closed.is_some())
            && belongs_to_no_release(site, holder).await?
        {
            return Err(Refusal::LockedForNoRelease {
                target: target.clone(),
                holder: Box::new(holder.clone()),
            }
            .into());
        }
        let current = current.map(|head| head.id);
        let id = id.or(current).ok_or(Refusal::NoSuchRelease(None))?;
        let recorded = open_release(site, id).await?;
        let clocks = clocks(site, self.clock.as_ref()).await;
        let switches = switches_seen(site, &recorded.head, &past, &record).await;
        let overtaken = overtaken_by(&recorded.head, &past, switches).map(|by| by.id);
        let ignored = ignored_claims(&recorded.head, &past, switches);
        let now = self.clock.now();
        let definition = &site.definition;
        Ok(
            Interrupted::of(recorded, overtaken, definition, &record, (now, &clocks))
                .ignoring(ignored),
        )
    }

    /// The open releases of a target, newest first. Changes nothing.
    pub async fn open_releases(&self, target: &Target) -> Result<Vec<ReleaseRecord>, Refused> {
        let Some(site) = self.sites.get(target) else {
            return Err(Refusal::UnknownTarget(target.clone()).into());
        };
        let mut remaining = newest(site).await?;
        remaining.retain(|head| head.closed.is_none());
        let mut open = Vec::new();
        while let Some(last) = current(&remaining).map(|head| head.id) {
            open.extend(remaining.extract_if(.., |head| head.id == last));
        }
        Ok(open)
    }

    /// Finds the release of a target by its id, or by the beginning or end of its id. An open release takes precedence
    /// over releases that have ended.
    pub async fn named_release(&self, target: &Target, named: &str) -> Result<ReleaseId, Refused> {
        let Some(site) = self.sites.get(target) else {
            return Err(Refusal::UnknownTarget(target.clone()).into());
        };
        let typed = named.trim().to_ascii_uppercase();
        if let Ok(id) = typed.parse() {
            return Ok(id);
        }
        let past = newest(site).await?;
        let open = past.iter().filter(|head| head.closed.is_none());
        let open: Vec<ReleaseId> = open.map(|head| head.id).collect();
        let is_meant = |id: &ReleaseId| id.is_meant_by(&typed);
        let matching: Vec<ReleaseId> = past.iter().map(|head| head.id).filter(is_meant).collect();
        let open_matching: Vec<ReleaseId> = open.iter().copied().filter(is_meant).collect();
        match (open_matching.as_slice(), matching.as_slice()) {
            ([id], _) | ([], [id]) => Ok(*id),
            ([], []) => Err(Refusal::NoReleaseNamed {
                named: crate::sanitize::sanitize(named),
                open,
            }
            .into()),
            ([], several) | (several, _) => Err(Refusal::SeveralReleasesNamed {
                named: crate::sanitize::sanitize(named),
                several: several.to_vec(),
            }
            .into()),
        }
    }

    /// Whether a driver of this console left the lock behind. Such a driver has ended, and lost contact with the store
    /// before it could release the lock.
    fn was_left_by_own_driver(&self, target: &Target, holder: &LockHolder) -> bool {
        holder.record.purpose == LockPurpose::Release
            && holder.record.console == self.console
            && self.active(target).is_none()
    }

    /// Resumes a release that has no driver, or takes it over from a running driver with a reason. `approval` must be
    /// an approval of the plan from [`Engine::interrupted`].
    pub async fn resume(
        &self,
        target: &Target,
        id: ReleaseId,
        resume: Resume,
        approval: &Approval,
        on_failure: OnFailure,
    ) -> Result<Handle, Refused> {
        let Some(site) = self.sites.get(target) else {
            return Err(Refusal::UnknownTarget(target.clone()).into());
        };
        let Some(write) = site.write.clone() else {
            return Err(Refusal::ReadOnly.into());
        };
        if self.active(target).is_some() {
            return Err(Refusal::DrivenHere.into());
        }
        let found = open_release(site, id).await?;
        let plan = Plan::recorded(&found.head, &site.definition, None);
        if approval.scope() != Scope::Plan || approval.check(&plan, self.clock.now()).is_err() {
            return Err(Refusal::NotApproved.into());
        }
        if resume.resume_action == ResumeAction::Continue {
            let replay = Replay::of(&found, &plan);
            self.check_name(Approvable {
                plan: &plan,
                overrides: &replay.track.overrides,
            })?;
        }
        let successor = found
            .successor()
            .filter(|successor| successor.console == self.console);
        let (lease, from) = self
            .lock_for((&plan, site), &resume, successor, &write)
            .await?;
        // The previous driver may have written until this driver took the lock.
        let clocks = clocks(site, self.clock.as_ref()).await;
        let read_again = self
            .under_the_lock(site, id, resume.resume_action, &clocks)
            .await
            .and_then(|(plan, recorded)| {
                left_by(resume.left_by.as_ref(), &recorded)?;
                Ok((plan, recorded))
            });
        let (plan, recorded) = match read_again {
            Ok(read) => read,
            Err(refused) => {
                release_lock(&write, target, &lease).await;
                return Err(refused);
            }
        };
        let resumption = Resumption {
            resume_action: resume.resume_action,
            how: match from {
                Some(_) => Takeover::Forced,
                None => Takeover::Resumed,
            },
            by: self.operator.clone(),
            note: match from {
                Some(_) => resume.takeover.map(|takeover| takeover.why),
                None => resume.reason,
            },
            from: from.map_or_else(
                || recorded.last_driver().clone(),
                |holder| holder.record.operator,
            ),
        };
        let plan = Arc::new(plan);
        let machine = Machine::resume(Arc::clone(&plan), &recorded, resumption, on_failure);
        let chain = Chain::after(&recorded);
        let ports = (site.read.clone(), write, clocks);
        Ok(self.drive(&plan, machine, chain, ports, lease, Driven::Resumed))
    }

    /// Takes the lock. Also returns the previous holder if the lock was taken over by force. After a handover, or if an
    /// ended driver of this console left the lock behind, there is no previous holder.
    async fn lock_for(
        &self,
        (plan, site): (&Plan, &Site),
        resume: &Resume,
        successor: Option<&Successor>,
        write: &Writing,
    ) -> Result<(Lease, Option<LockHolder>), Refused> {
        let message = format!("resumes {} to {}", plan.kind, plan.version.name());
        let record = self.lock_record(plan, self.operator.clone(), message);
        let not_known = |failure| unknown("whether the lock is free", &failure);
        let acquired = write.store.locks.acquire(plan.target(), &record).await;
        let holder = match acquired.map_err(not_known)? {
            Acquired::Held(lease) => return Ok((lease, None)),
            Acquired::Taken(holder) => holder,
        };
        let is_own = self.was_left_by_own_driver(plan.target(), &holder)
            && holder.record.release == plan.release;
        if is_own || successor.is_some_and(|successor| successor.token == holder.token) {
            let (lease, _) = self.take_over(plan, &record, *holder, write).await?;
            return Ok((lease, None));
        }
        let Some(takeover) = &resume.takeover else {
            return Err(Refusal::locked_to_resume(plan.target(), holder).into());
        };
        if takeover.why.trim().is_empty() {
            return Err(Refusal::TakeoverWithoutReason.into());
        }
        // If the lock has another token than the operator saw, or is for another release, the operator must decide
        // again. A lock that belongs to no release may be taken.
        let is_of_another = holder.record.release != plan.release;
        if holder.token != takeover.from
            || (is_of_another && !belongs_to_no_release(site, &holder).await?)
        {
            return Err(Refusal::locked_to_resume(plan.target(), holder).into());
        }
        self.take_over(plan, &record, *holder, write).await
    }

    async fn take_over(
        &self,
        plan: &Plan,
        record: &LockRecord,
        holder: LockHolder,
        write: &Writing,
    ) -> Result<(Lease, Option<LockHolder>), Refused> {
        let forced = write
            .store
            .locks
            .take_over(plan.target(), record, holder.token);
        match forced.await {
            Ok(Acquired::Held(lease)) => Ok((lease, Some(holder))),
            Ok(Acquired::Taken(other)) => Err(Refusal::locked(plan.target(), other).into()),
            Err(failure) => Err(unknown("whether the lock was taken over", &failure)),
        }
    }

    async fn under_the_lock(
        &self,
        site: &Site,
        id: ReleaseId,
        resume_action: ResumeAction,
        clocks: &Clocks,
    ) -> Result<(Plan, Recorded), Refused> {
        let target = &site.definition.target;
        let recorded = open_release(site, id).await?;
        let past = newest(site).await?;
        let record = match site.read.registry.read(target).await {
            Ok(record) => record,
            // To leave a release, the registrations and the route are not needed.
            Err(_) if resume_action == ResumeAction::Leave => RegistryRecord::default(),
            Err(failure) => return Err(unknown("what the store says about the target", &failure)),
        };
        // An overtaken release can still be left.
        if resume_action != ResumeAction::Leave {
            let switches = switches_seen(site, &recorded.head, &past, &record).await;
            let overtaken = overtaken_by(&recorded.head, &past, switches).map(|by| by.id);
            not_overtaken(overtaken, resume_action)?;
            all_later_releases_are_read(id, &past)?;
        }
        // A release that is left makes no switch, so the proxy's token does not matter.
        if resume_action != ResumeAction::Leave
            && let Some(refusal) = behind_the_proxy(site, &record).await
        {
            let target = target.clone();
            let leave = Refusal::OnlyToLeave {
                target,
                release: id,
            };
            return Err(Refused(vec![refusal, leave]));
        }
        let instances = match site.read.runtime.instances(target).await {
            Ok(instances) => instances,
            // Only a release that continues removes the leftover in the candidate's slot.
            Err(_) if resume_action != ResumeAction::Continue => Vec::new(),
            Err(failure) => return Err(unknown("what is running in the slots", &failure)),
        };
        let target_state = TargetState {
            record: &record,
            instances: &instances,
            now: self.clock.now(),
            clocks,
        };
        let plan = Plan::resumed(&recorded, &site.definition, target_state, resume_action)?;
        Ok((plan, recorded))
    }
}

/// Whether the lock belongs to no release that could be resumed: a repair or a prune holds it, or the record of its
/// release was never written.
async fn belongs_to_no_release(site: &Site, holder: &LockHolder) -> Result<bool, Refused> {
    if holder.record.purpose == LockPurpose::Upkeep {
        return Ok(true);
    }
    let target = &site.definition.target;
    let recorded = site.read.journal.release(target, holder.record.release);
    let recorded = recorded.await;
    let recorded = recorded.map_err(|failure| unknown("which release holds the lock", &failure))?;
    Ok(recorded.is_none())
}

/// How many of the newest releases are searched for a release that has not ended, and for later releases that overtook
/// that release.
const SEARCHED: usize = 50;

async fn newest(site: &Site) -> Result<Vec<ReleaseRecord>, Refused> {
    let journal = site.read.journal.as_ref();
    let newest = past_and_unreadable(journal, &site.definition.target, SEARCHED).await;
    let (newest, unreadable) =
        newest.map_err(|failure| unknown("which release of the target is the newest", &failure))?;
    if let Some(newer) = unreadable.first() {
        return Err(unreadable_release(newer).into());
    }
    Ok(newest)
}

/// Refuses to resume the release `id` if the target may have later releases that were not read. An unread release may
/// have overtaken the release `id`.
fn all_later_releases_are_read(id: ReleaseId, past: &[ReleaseRecord]) -> Result<(), Refused> {
    let is_earliest_later = past.iter().map(|head| head.id).min() > Some(id);
    if past.len() < SEARCHED || !is_earliest_later {
        return Ok(());
    }
    let why = format!(
        "the store has {SEARCHED} or more releases with greater ids, and not all of them were read: leave this release \
         (greenroom resume with --leave)"
    );
    Err(Refusal::NotResumable { why }.into())
}

/// The switches that the route and the proxy report. These switches show whether a later release really switched. The
/// proxy is read only if, without its answer, another release seems to have overtaken `release`.
async fn switches_seen(
    site: &Site,
    release: &ReleaseRecord,
    past: &[ReleaseRecord],
    record: &RegistryRecord,
) -> ObservedSwitches {
    let route = record.route.as_ref().map(|route| &route.value);
    let unknown = ObservedSwitches::new(route, None);
    match overtaken_by(release, past, unknown) {
        Some(_) => ObservedSwitches::new(route, proxy_generation(site).await),
        None => unknown,
    }
}

/// Refuses if another operator than the expected one has driven the release last.
fn left_by(expected: Option<&Operator>, recorded: &Recorded) -> Result<(), Refused> {
    let last = recorded.last_driver();
    if expected.is_none_or(|expected| expected.is_same_person(last)) {
        return Ok(());
    }
    let change = format!("{last} has resumed the release");
    Err(Refusal::WorldChanged { change }.into())
}

async fn open_release(site: &Site, id: ReleaseId) -> Result<Recorded, Refused> {
    let recorded = site.read.journal.release(&site.definition.target, id).await;
    let recorded =
        recorded.map_err(|failure| unknown("what the record of the release says", &failure))?;
    let recorded = recorded.ok_or_else(|| Refused::from(Refusal::NoSuchRelease(Some(id))))?;
    match &recorded.head.closed {
        None => Ok(recorded),
        Some((_, outcome)) => Err(Refusal::AlreadyOver {
            outcome: outcome.word().to_owned(),
        }
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::samples_for_tests::planned;

    fn refused(id: u128, past: &[ReleaseRecord]) -> bool {
        all_later_releases_are_read(ReleaseId(ulid::Ulid(id)), past).is_err()
    }

    #[test]
    fn a_release_is_not_resumed_if_later_records_were_not_read() {
        let read = u128::try_from(SEARCHED).expect("small");
        let later = |count| (0..count).map(|n| planned(1000 - n, Some(1), false));
        let heads: Vec<ReleaseRecord> = later(read).collect();
        assert!(refused(1, &heads), "more releases may exist in between");
        assert!(!refused(1, &heads[1..]), "all records were read");
        // The release itself is among those that were read.
        let oldest = 1000 - read + 1;
        assert!(!refused(oldest, &heads));
        let message = all_later_releases_are_read(ReleaseId(ulid::Ulid(1)), &heads);
        let message = message.expect_err("refused").to_string();
        assert!(
            message.contains("greenroom resume with --leave"),
            "{message}"
        );
    }
}
