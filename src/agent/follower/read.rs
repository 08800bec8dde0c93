//! What the follower reads before it decides.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::unfinished::RESUME_PAUSE;
use super::{Follower, Sides};
use crate::agent::decide::{DrivenRelease, Due, NamedRelease, OpenRelease, Seen};
use crate::history::ReleaseRecord;
use crate::inventory::{EntryState, RegistryRecord, ReleaseId};
use crate::ports::Result;
use crate::release::{Engine, Interrupted, Refusal, ResumeAction, Site, standby_entry};

/// How many earlier releases are searched for a failure of the same version.
const SEARCHED: usize = 50;

impl Follower {
    pub(super) async fn see<'a>(&self, engine: &'a Engine, sides: &Sides<'a>) -> Result<Seen<'a>> {
        // The lock is read before the journal: a driver that has released the lock has already recorded that it stopped.
        let record = sides.site.read.registry.read(&self.target).await?;
        let driven = self.driven();
        let named = self.named(sides, &record, driven).await?;
        let is_driven = record.lock.is_some() || driven.is_some();
        let left = if is_driven {
            // The end of the lock is a change.
            None
        } else {
            self.left_by_agent(sides.site).await?
        };
        let now = Instant::now();
        Ok(Seen {
            definition: &sides.site.definition,
            agent: engine.console(),
            record,
            now: engine.clock().now(),
            driven,
            named,
            left,
            due: self.due(sides.site),
            has_just_resumed: self.resumed_at.is_some_and(|at| now - at < RESUME_PAUSE),
        })
    }

    fn due(&self, site: &Site) -> Due {
        if !self.stop.may_begin() {
            Due::Results
        } else if site.definition.follows.is_empty() {
            Due::Ends
        } else {
            Due::Everything
        }
    }

    fn driven(&self) -> Option<DrivenRelease> {
        let handle = self.engine.active(&self.target)?;
        let status = handle.status().borrow().clone();
        Some(DrivenRelease {
            release: status.plan.release,
            is_standby: status.progress.is_standby(),
        })
    }

    /// What became of the releases that entries name.
    async fn named(
        &self,
        sides: &Sides<'_>,
        record: &RegistryRecord,
        driven: Option<DrivenRelease>,
    ) -> Result<BTreeMap<ReleaseId, NamedRelease>> {
        let mut named = BTreeMap::new();
        let is_driven = |release| driven.is_some_and(|driven| driven.release == release);
        for entry in &record.queue {
            let EntryState::RollingOut { release, .. } = entry.state else {
                continue;
            };
            if is_driven(release) {
                continue;
            }
            let journal = &sides.site.read.journal;
            let state = match journal.release(&self.target, release).await? {
                None => NamedRelease::NotOpened,
                Some(recorded) => match &recorded.head.closed {
                    Some((_, outcome)) => NamedRelease::Ended(outcome.clone()),
                    None if standby_entry(&recorded, &sides.site.definition).is_some() => {
                        NamedRelease::Standby
                    }
                    None => NamedRelease::Open,
                },
            };
            named.insert(release, state);
        }
        Ok(named)
    }

    /// The newest release of the target if an agent left it unfinished, also during its standby, when its entry is
    /// already done.
    async fn left_by_agent(&self, site: &Site) -> Result<Option<ReleaseId>> {
        let journal = &site.read.journal;
        let newest = journal.releases(&self.target, 1).await?.into_iter().next();
        let unfinished = newest.filter(|head| head.closed.is_none() && head.trigger.is_some());
        let Some(head) = unfinished else {
            return Ok(None);
        };
        let recorded = journal.release(&self.target, head.id).await?;
        // An operator who took the release over and left it has a reason. The release was opened by an agent.
        let is_left_by_agent =
            recorded.is_some_and(|it| it.last_driver().is_same_person(&it.head.operator));
        Ok(is_left_by_agent.then_some(head.id))
    }

    pub(super) async fn past(&self, site: &Site) -> Result<Vec<ReleaseRecord>> {
        site.read.journal.releases(&self.target, SEARCHED).await
    }

    /// The unfinished release that keeps the target busy.
    pub(super) async fn open_release(&self, site: &Site, past: &[ReleaseRecord]) -> OpenRelease {
        if past.iter().all(|head| head.closed.is_some()) {
            return OpenRelease::None;
        }
        let interrupted = match self.engine.interrupted(&self.target, None).await {
            Ok(interrupted) => interrupted,
            Err(refused) => {
                let why = format!("it is not known which release is open: {refused}");
                return OpenRelease::Busy(why);
            }
        };
        let Interrupted { recorded, .. } = &interrupted;
        let head = &recorded.head;
        if standby_entry(recorded, &site.definition).is_some() {
            return OpenRelease::Standby(head.id);
        }
        // The next release closes a release that was overtaken.
        let is_overtaken = |reason: &Refusal| matches!(reason, Refusal::Overtaken { .. });
        let against = interrupted.against(ResumeAction::Continue);
        if against.is_some_and(|refused| refused.0.iter().any(is_overtaken)) {
            return OpenRelease::None;
        }
        OpenRelease::Busy(format!(
            "release {} by {} has not ended",
            head.id.short(),
            head.operator
        ))
    }
}
