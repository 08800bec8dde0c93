//! The next release of a target ends the standby of the previous release, even if another console drives it. The lock
//! moves in one transaction, which fails if the previous driver has started something.

use super::{Engine, Site, clocks, still_as_planned, unknown};
use crate::history::Recorded;
use crate::inventory::{LockHolder, LockPurpose, LockRecord, RegistryRecord, Target};
use crate::ports::{Acquired, JournalEnd, Lease};
use crate::release::driver::Writing;
use crate::release::{Command, Plan, Progress, Refusal, Refused, StandbyOf, standby_entry};

/// How long a driver of this console may take to end its standby. After that, the next release is refused.
const SUPERSEDING: std::time::Duration = std::time::Duration::from_secs(10);

impl Engine {
    fn is_own_standby(&self, target: &Target) -> bool {
        self.active(target).is_some_and(|handle| {
            let status = handle.status.borrow();
            let asks_to_stop = matches!(
                status.progress,
                Progress::Asking {
                    step: crate::history::Step::Stop,
                    ..
                }
            );
            asks_to_stop || matches!(status.progress, Progress::Standby { .. })
        })
    }

    /// The console whose standby holds the lock, if a standby holds it. None if that release cannot be read. Then the
    /// new release is refused because of the lock.
    pub(super) async fn standby_of(
        &self,
        site: &Site,
        record: Option<&RegistryRecord>,
    ) -> Option<StandbyOf> {
        if self.is_own_standby(&site.definition.target) {
            return Some(StandbyOf::ThisConsole);
        }
        let holder = record?.lock.as_ref()?;
        let journal_end = standby_end(site, holder).await.ok().flatten();
        journal_end.map(|_| StandbyOf::AnotherConsole)
    }

    /// Ends a standby that this console drives, and waits until its lock is released.
    pub(super) async fn end_own_standby(&self, plan: &Plan) -> Result<(), Refused> {
        let target = plan.target();
        let Some(handle) = self.active(target).filter(|_| self.is_own_standby(target)) else {
            return Ok(());
        };
        let by = Some(plan.successor());
        // Sending fails only if the driver has already ended.
        let _ = handle.command(Command::Supersede { by }).await;
        tokio::time::timeout(SUPERSEDING, handle.ended())
            .await
            .map_err(|_| {
                Refused::from(Refusal::Unknown {
                    fact: "whether the standby of the previous release has ended".into(),
                    why: format!("the driver did not stop within {SUPERSEDING:?}"),
                })
            })
    }

    /// Takes the lock from the standby of another console. The plan is checked first: the other driver loses its lock
    /// for good, which must not happen for an outdated plan.
    pub(super) async fn take_from_standby(
        &self,
        (plan, site, write): (&Plan, &Site, &Writing),
        record: &LockRecord,
        holder: Box<LockHolder>,
    ) -> Result<Lease, Refused> {
        let target = plan.target();
        let Some(end) = standby_end(site, &holder).await? else {
            return Err(Refusal::locked(target, holder).into());
        };
        let clocks = clocks(site, self.clock.as_ref()).await;
        still_as_planned(plan, site, (self.clock.now(), &clocks)).await?;
        let taken = write
            .locks
            .take_over_at_rest(target, record, holder.token, end);
        match taken.await {
            Ok(Acquired::Held(lease)) => Ok(lease),
            Ok(Acquired::Taken(other)) => Err(Refusal::locked(target, other).into()),
            Err(failure) => Err(unknown(
                "whether the standby of the previous release was ended",
                &failure,
            )),
        }
    }
}

/// The end of the journal of the lock's release, if that release is in its standby.
async fn standby_end(site: &Site, holder: &LockHolder) -> Result<Option<JournalEnd>, Refused> {
    if holder.record.purpose != LockPurpose::Release {
        return Ok(None);
    }
    let release = holder.record.release;
    let recorded = site.read.journal.release(&site.definition.target, release);
    let recorded: Option<Recorded> = recorded
        .await
        .map_err(|failure| unknown("the progress of the release that holds the lock", &failure))?;
    let entry = recorded.and_then(|recorded| standby_entry(&recorded, &site.definition));
    Ok(entry.map(|last_entry| JournalEnd {
        release,
        last_entry,
    }))
}
