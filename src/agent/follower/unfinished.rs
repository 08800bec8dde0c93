//! Resumes a release that an agent left unfinished.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::super::drive::drive;
use super::Follower;
use crate::agent::decide::is_backed_out;
use crate::inventory::ReleaseId;
use crate::release::{Approval, OnFailure, Refusal, Refused, Resume, ResumeAction, Scope};

/// How long a release is not resumed again after its driver has stopped.
pub(super) const RESUME_PAUSE: Duration = Duration::from_secs(5);

impl Follower {
    /// Resumes the release. A release that cannot continue is backed out, if its version is not live.
    pub(super) async fn resume(&mut self, release: ReleaseId) {
        self.resumed_at = Some(Instant::now());
        let Err(refused) = self.try_to_resume(release, ResumeAction::Continue).await else {
            return;
        };
        // For example, the configuration has changed since, so the release cannot continue as it was planned.
        let backs_out = is_backed_out(&refused, self.may_have_switched(release).await);
        let refused = if backs_out {
            tracing::warn!("{release} cannot be continued, so it is backed out: {refused}");
            self.try_to_resume(release, ResumeAction::BackOut).await
        } else {
            Err(refused)
        };
        if let Err(refused) = refused {
            tracing::warn!("{} is not resumed yet: {refused}", self.target);
        }
    }

    /// Whether the new version may have the traffic. True also if that cannot be read.
    async fn may_have_switched(&self, release: ReleaseId) -> bool {
        let interrupted = self.engine.interrupted(&self.target, Some(release)).await;
        interrupted.map_or(true, |it| it.observed.status.may_have_switched)
    }

    async fn try_to_resume(
        &self,
        release: ReleaseId,
        resume_action: ResumeAction,
    ) -> Result<(), Refused> {
        let engine = &self.engine;
        let interrupted = engine.interrupted(&self.target, Some(release)).await?;
        let (by, now) = (engine.operator().clone(), engine.clock().now());
        let approval = Approval::in_advance(interrupted.plan(), Scope::Plan, by, now)
            .map_err(|_| Refusal::NotApproved)?;
        let resume = Resume {
            resume_action,
            reason: Some("an agent resumes the release of its queue".to_owned()),
            takeover: None,
            left_by: Some(interrupted.recorded.head.operator.clone()),
        };
        let resumed = engine.resume(&self.target, release, resume, &approval, OnFailure::BackOut);
        let handle = resumed.await?;
        tokio::spawn(drive(Arc::clone(engine), handle, Arc::clone(&self.wake)));
        Ok(())
    }
}
