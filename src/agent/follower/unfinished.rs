//! What became of the releases that agents have opened: settles their entries, and resumes a release that an agent left
//! unfinished.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::super::drive::drive;
use super::super::judge;
use super::{Again, Follower, Sides};
use crate::inventory::{EntryState, QueueEntry, RegistryRecord, ReleaseId};
use crate::ports::Result;
use crate::release::{
    Approval, OnFailure, Refusal, Refused, Resume, ResumeAction, Scope, standby_entry,
};

/// How long a release is not resumed again after its driver has stopped.
const RESUME_PAUSE: Duration = Duration::from_secs(5);

impl Follower {
    /// Finds out what became of an entry whose release was about to be opened, or was opened.
    pub(super) async fn settle(
        &self,
        sides: &Sides<'_>,
        record: &RegistryRecord,
        entry: &QueueEntry,
        (release, agent): (ReleaseId, &str),
    ) -> Result<Again> {
        if let Some(handle) = self.engine.active(&self.target) {
            let status = handle.status().borrow().clone();
            if status.plan.release == release {
                if status.progress.is_standby() {
                    let done = EntryState::Done {
                        release: Some(release),
                    };
                    self.change(sides, entry, done).await?;
                    return Ok(Again::Now);
                }
                return Ok(Again::OnChange);
            }
        }
        let recorded = sides
            .site
            .read
            .journal
            .release(&self.target, release)
            .await?;
        let Some(recorded) = recorded else {
            // Another agent that is alive may be about to open the release.
            let is_alive = agent != self.engine.console()
                && record.watching.iter().any(|it| it.console == *agent);
            if is_alive {
                return Ok(Again::Later { at: None });
            }
            self.change(sides, entry, EntryState::Waiting { why: None })
                .await?;
            return Ok(Again::Now);
        };
        if let Some((_, outcome)) = &recorded.head.closed {
            let state = judge::after_outcome(release, outcome);
            self.change(sides, entry, state).await?;
            return Ok(Again::Now);
        }
        let is_standby = standby_entry(&recorded, &sides.site.definition).is_some();
        if is_standby {
            let done = EntryState::Done {
                release: Some(release),
            };
            self.change(sides, entry, done).await?;
            return Ok(Again::Now);
        }
        // The release has a driver, or `resume` looks at it.
        Ok(Again::OnChange)
    }

    /// Resumes the newest release of the target if an agent left it unfinished, also during its standby, when its entry
    /// is already done.
    pub(super) async fn resume(
        &mut self,
        sides: &Sides<'_>,
        record: &RegistryRecord,
    ) -> Result<Again> {
        if record.lock.is_some() || self.engine.active(&self.target).is_some() {
            // The end of the lock is a change.
            return Ok(Again::OnChange);
        }
        let journal = &sides.site.read.journal;
        let newest = journal.releases(&self.target, 1).await?.into_iter().next();
        let unfinished = newest.filter(|head| head.closed.is_none() && head.trigger.is_some());
        let Some(head) = unfinished else {
            return Ok(Again::OnChange);
        };
        let recorded = journal.release(&self.target, head.id).await?;
        // An operator who took the release over and left it has a reason. The release was opened by an agent.
        let is_left_by_agent =
            recorded.is_some_and(|it| it.last_driver().is_same_person(&it.head.operator));
        if !is_left_by_agent {
            return Ok(Again::OnChange);
        }
        // A driver that stops again and again must not be started again at once.
        let now = Instant::now();
        if self.resumed_at.is_some_and(|at| now - at < RESUME_PAUSE) {
            return Ok(Again::Later { at: None });
        }
        self.resumed_at = Some(now);
        match self.try_to_resume(head.id, ResumeAction::Continue).await {
            Ok(()) => Ok(Again::OnChange),
            // For example, the configuration has changed since, so the release cannot continue as it was planned.
            Err(refused) if !refused.0.iter().all(Refusal::may_pass) => {
                // Backing out would take the traffic from a version that is live. An operator decides about that.
                if self.may_have_switched(head.id).await {
                    return Ok(self.resumed(Err(refused)));
                }
                tracing::warn!(
                    "{} cannot be continued, so it is backed out: {refused}",
                    head.id
                );
                let backed_out = self.try_to_resume(head.id, ResumeAction::BackOut).await;
                Ok(self.resumed(backed_out))
            }
            Err(refused) => Ok(self.resumed(Err(refused))),
        }
    }

    /// Whether the new version may have the traffic. True also if that cannot be read.
    async fn may_have_switched(&self, release: ReleaseId) -> bool {
        let interrupted = self.engine.interrupted(&self.target, Some(release)).await;
        interrupted.map_or(true, |it| it.observed.status.may_have_switched)
    }

    fn resumed(&self, resumed: std::result::Result<(), Refused>) -> Again {
        match resumed {
            Ok(()) => Again::OnChange,
            Err(refused) => {
                tracing::warn!("{} is not resumed yet: {refused}", self.target);
                Again::Later { at: None }
            }
        }
    }

    async fn try_to_resume(
        &self,
        release: ReleaseId,
        resume_action: ResumeAction,
    ) -> std::result::Result<(), Refused> {
        let engine = &self.engine;
        let interrupted = engine.interrupted(&self.target, Some(release)).await?;
        let (by, now) = (engine.operator().clone(), engine.clock().now());
        let approval = Approval::in_advance(interrupted.plan(), Scope::Plan, by, now)
            .map_err(|_| Refusal::NotApproved)?;
        let resume = Resume {
            resume_action,
            reason: Some("an agent resumes the release of its queue".to_owned()),
            takeover: None,
        };
        let resumed = engine.resume(&self.target, release, resume, &approval, OnFailure::BackOut);
        let handle = resumed.await?;
        tokio::spawn(drive(Arc::clone(engine), handle, Arc::clone(&self.wake)));
        Ok(())
    }
}
