//! Ends the standby of a release when the next release of the target starts. If another console drives the standby, the
//! new driver takes the lock in one transaction, which fails if the previous driver has recorded anything new.

use super::{Engine, clocks, still_as_planned, unknown};
use crate::history::Recorded;
use crate::inventory::{LockHolder, LockPurpose, LockRecord, RegistryRecord, Target};
use crate::ports::{Acquired, JournalEnd, Lease};
use crate::release::{Command, Plan, Refusal, Refused, Site, StandbyOf, Writing, standby_entry};

/// How long a driver of this console may take to end its standby. After that, the next release is refused.
const SUPERSEDING: std::time::Duration = std::time::Duration::from_secs(10);

impl Engine {
    fn is_own_standby(&self, target: &Target) -> bool {
        self.active(target).is_some_and(|handle| {
            let status = handle.status.borrow();
            status.progress.is_standby()
        })
    }

    /// Says whether a standby holds the lock, and whether this console or another console drives that standby. None if
    /// no standby holds the lock, or if the release that holds the lock cannot be read. In these cases a held lock
    /// prevents the new release.
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
                    why: format!("its driver did not stop within {SUPERSEDING:?}: try again"),
                })
            })
    }

    /// Takes the lock from the standby of another console. The plan is checked first: if the plan is outdated, the
    /// driver of the standby must keep the lock.
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
            .store
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

/// The last entry of the release that holds the lock, if that release is in its standby.
async fn standby_end(site: &Site, holder: &LockHolder) -> Result<Option<JournalEnd>, Refused> {
    if holder.record.purpose != LockPurpose::Release {
        return Ok(None);
    }
    let release = holder.record.release;
    let recorded = site.read.journal.release(&site.definition.target, release);
    let recorded: Option<Recorded> = recorded.await.map_err(|failure| {
        unknown(
            "whether the release that holds the lock is in its standby",
            &failure,
        )
    })?;
    let entry = recorded.and_then(|recorded| standby_entry(&recorded, &site.definition));
    Ok(entry.map(|last_entry| JournalEnd {
        release,
        last_entry,
    }))
}
