//! Going on with a release that lost its driver: looks at what was intended and what can be done about
//! it, takes the lock, reads the journal again under it, and drives on. The token of the new lock keeps
//! out whoever drove before: their next write is refused.

use std::sync::Arc;

use super::{Engine, Site, give_back, unknown};
use crate::history::{Chain, Direction, Recorded, ReleaseRecord, Takeover};
use crate::inventory::{Instance, LockHolder, LockRecord, RegistryRecord, ReleaseId, Target};
use crate::ports::{Acquired, Lease};
use crate::release::driver::Writing;
use crate::release::prospect::Prospect;
use crate::release::{
    Approval, GoOn, Handle, Machine, Need, Observed, OnFailure, Plan, Refusal, Refused, Resumption,
    Scope, Standing, need_back, need_to_begin, observed,
};

/// A wish to go on with a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// What is to become of it.
    pub go_on: GoOn,
    /// Why, where somebody says it.
    pub reason: Option<String>,
    /// Why its lock is taken from whoever holds it; none where only a free lock is to be taken.
    pub takeover: Option<String>,
}

/// A release that has no end, as it is found: what was intended, and what can be done about it.
#[derive(Debug, Clone)]
pub struct Interrupted {
    /// What was written down.
    pub recorded: Recorded,
    /// How far it is, as its journal tells, and its plan.
    pub observed: Observed,
    /// Who holds the lock of its target now, for this release or another.
    pub holder: Option<LockHolder>,
    /// What stands against going on with it, each way.
    against: Vec<(GoOn, Refused)>,
    prospect: Prospect,
}

impl Interrupted {
    /// Its plan: to be shown, and to give an [`Approval`] for.
    pub fn plan(&self) -> &Plan {
        &self.observed.status.plan
    }

    /// What stands against one way to go on.
    pub fn against(&self, go_on: GoOn) -> Option<&Refused> {
        self.against
            .iter()
            .find_map(|(way, refused)| (*way == go_on).then_some(refused))
    }

    /// Where its journal ends: what was intended and is not confirmed, in words.
    pub fn intended(&self) -> &str {
        &self.prospect.intended
    }

    /// What one way to go on would do, in words.
    pub fn would(&self, go_on: GoOn, on_failure: OnFailure) -> String {
        self.prospect.would(go_on, on_failure)
    }

    /// What a person is asked for before it is gone on with; what waits for a yes further on is asked
    /// for there.
    pub fn need(&self, go_on: GoOn) -> Need {
        let status = &self.observed.status;
        let is_backward = go_on == GoOn::BackOut || self.prospect.direction == Direction::Back;
        let need = need_to_begin(self.plan());
        if is_backward && go_on != GoOn::Leave {
            need.max(need_back(status.may_have_switched, self.plan().tier()))
        } else {
            need
        }
    }
}

impl Engine {
    /// The newest release of a target, or the one that is named, if it has no end. Looks only.
    pub async fn interrupted(
        &self,
        target: &Target,
        id: Option<ReleaseId>,
    ) -> Result<Interrupted, Refused> {
        let Some(site) = self.sites.get(target) else {
            return Err(Refusal::UnknownTarget(target.clone()).into());
        };
        // The lock before the journal: who let go of it has written its end.
        let record = site.read.registry.read(target).await;
        let record = record.map_err(|failure| unknown("the registry's record", &failure))?;
        let newest = newest(site).await?;
        let id = id.unwrap_or(newest.id);
        let recorded = open_release(site, id).await?;
        let against = GoOn::ALL.into_iter().filter_map(|go_on| {
            let fits = not_overtaken(&newest, id, go_on)
                .and_then(|()| self.fits(site, &recorded, (&record, &[]), go_on));
            fits.err().map(|refused| (go_on, refused))
        });
        let against = against.collect();
        let route = record.route.as_ref().map(|route| &route.value);
        let lock = record.lock.as_ref();
        let now = self.clock.now();
        let observed = observed(&recorded, &site.definition, lock, route, now);
        Ok(Interrupted {
            prospect: Prospect::of(&recorded, &observed.status.plan),
            observed,
            holder: record.lock.clone(),
            against,
            recorded,
        })
    }

    /// Goes on with a release whose driver is gone, or takes it from one that is not, with a reason.
    /// `approval` is a yes to the plan of [`Engine::interrupted`].
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
        let (lease, from) = self.lock_for(&plan, &resume, &write).await?;
        // Whoever drove it may have written until the lock was ours.
        let read_again = self.under_the_lock(site, id, resume.go_on).await;
        let (plan, recorded) = match read_again {
            Ok(read) => read,
            Err(refused) => {
                give_back(&write, target, &lease).await;
                return Err(refused);
            }
        };
        let resumption = Resumption {
            go_on: resume.go_on,
            how: match from {
                Some(_) => Takeover::Forced,
                None => Takeover::Resumed,
            },
            by: self.operator.clone(),
            note: match from {
                Some(_) => resume.takeover,
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
        let ports = (site.read.clone(), write);
        Ok(self.drive(&plan, machine, chain, ports, lease))
    }

    /// The lock, and from whom it was taken, if from anybody.
    async fn lock_for(
        &self,
        plan: &Plan,
        resume: &Resume,
        write: &Writing,
    ) -> Result<(Lease, Option<LockHolder>), Refused> {
        let message = format!("resumes {} to {}", plan.kind, plan.version.name());
        let record = self.lock_record(plan, self.operator.clone(), message);
        let not_known = |failure| unknown("whether the lock is free", &failure);
        let asked = write.locks.acquire(plan.target(), &record).await;
        let holder = match asked.map_err(not_known)? {
            Acquired::Held(lease) => return Ok((lease, None)),
            Acquired::Taken(holder) => holder,
        };
        let Some(why) = resume.takeover.as_deref() else {
            return Err(Refusal::Locked(holder).into());
        };
        if why.trim().is_empty() {
            return Err(Refusal::TakeoverWithoutReason.into());
        }
        if holder.record.release != plan.release {
            // It is another release that is driven: that one would have to be taken over.
            return Err(Refusal::Locked(holder).into());
        }
        self.force(plan, &record, *holder, write).await
    }

    async fn force(
        &self,
        plan: &Plan,
        record: &LockRecord,
        holder: LockHolder,
        write: &Writing,
    ) -> Result<(Lease, Option<LockHolder>), Refused> {
        let forced = write.locks.take_over(plan.target(), record, holder.token);
        match forced.await {
            Ok(Acquired::Held(lease)) => Ok((lease, Some(holder))),
            Ok(Acquired::Taken(other)) => Err(Refusal::Locked(other).into()),
            Err(failure) => Err(unknown("whether the lock was taken over", &failure)),
        }
    }

    async fn under_the_lock(
        &self,
        site: &Site,
        id: ReleaseId,
        go_on: GoOn,
    ) -> Result<(Plan, Recorded), Refused> {
        let target = &site.definition.target;
        not_overtaken(&newest(site).await?, id, go_on)?;
        let recorded = open_release(site, id).await?;
        let record = match site.read.registry.read(target).await {
            Ok(record) => record,
            // To leave a release nothing has to be known but the release.
            Err(_) if go_on == GoOn::Leave => RegistryRecord::default(),
            Err(failure) => return Err(unknown("the registry's record", &failure)),
        };
        let instances = match site.read.runtime.instances(target).await {
            Ok(instances) => instances,
            // Only what is still to be started has to make room.
            Err(_) if go_on != GoOn::Continue => Vec::new(),
            Err(failure) => return Err(unknown("what runs", &failure)),
        };
        let plan = self.fits(site, &recorded, (&record, &instances), go_on)?;
        Ok((plan, recorded))
    }

    fn fits(
        &self,
        site: &Site,
        recorded: &Recorded,
        (record, instances): (&RegistryRecord, &[Instance]),
        go_on: GoOn,
    ) -> Result<Plan, Refused> {
        let standing = Standing {
            record,
            instances,
            now: self.clock.now(),
        };
        Plan::taken_up(recorded, &site.definition, standing, go_on)
    }
}

async fn newest(site: &Site) -> Result<ReleaseRecord, Refused> {
    let newest = site.read.journal.releases(&site.definition.target, 1).await;
    let newest = newest.map_err(|failure| unknown("what was released here last", &failure))?;
    newest
        .into_iter()
        .next()
        .ok_or_else(|| Refusal::NoSuchRelease(None).into())
}

/// A release that another came after is not gone on with: that one stands on what it found.
fn not_overtaken(newest: &ReleaseRecord, id: ReleaseId, go_on: GoOn) -> Result<(), Refused> {
    if newest.id == id || go_on == GoOn::Leave {
        Ok(())
    } else {
        Err(Refusal::Overtaken { by: newest.id }.into())
    }
}

async fn open_release(site: &Site, id: ReleaseId) -> Result<Recorded, Refused> {
    let recorded = site.read.journal.release(&site.definition.target, id).await;
    let recorded = recorded.map_err(|failure| unknown("what was written down", &failure))?;
    let recorded = recorded.ok_or_else(|| Refused::from(Refusal::NoSuchRelease(Some(id))))?;
    match &recorded.head.closed {
        None => Ok(recorded),
        Some((_, outcome)) => Err(Refusal::AlreadyOver {
            outcome: outcome.word().to_owned(),
        }
        .into()),
    }
}
