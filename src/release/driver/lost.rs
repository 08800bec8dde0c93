//! To whom a lock was lost. A driver that lost it does nothing any more, but who has it now is what
//! its operator wants to know first; and whether the release has ended with that.

use std::time::Duration;

use super::{World, overtaken};
use crate::inventory::{FencingToken, LockHolder, RegistryRecord, StoredKey, Target, local_time};
use crate::ports::{Failure, FailureKind};
use crate::release::event::Event;
use crate::sanitize::sanitize;

/// How long that may be looked for.
const TIMEOUT: Duration = Duration::from_secs(2);

/// What the store says of a lock that was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lost {
    /// Another driver holds it.
    To(Box<LockHolder>),
    /// Its key is not there: it was deleted, or its lease ended.
    Gone,
    /// This driver still holds it: only the server that it wrote to refused the write.
    Ours,
    /// The store did not answer, or the key of the lock cannot be read.
    Unknown,
}

/// Looks at the lock.
pub(super) async fn look(world: &World) -> Lost {
    let target = world.plan.target();
    let reading = world.read.registry.read(target);
    let Ok(Ok(record)) = tokio::time::timeout(TIMEOUT, reading).await else {
        return Lost::Unknown;
    };
    lost(target, record, world.fence.token)
}

fn lost(target: &Target, record: RegistryRecord, own: FencingToken) -> Lost {
    let is_lock = |key: &String| StoredKey::of(target, key) == StoredKey::Lock;
    let is_unreadable = record.problems.keys().any(is_lock);
    match record.lock {
        Some(holder) if holder.token != own => Lost::To(Box::new(holder)),
        Some(_) => Lost::Ours,
        None if is_unreadable => Lost::Unknown,
        None => Lost::Gone,
    }
}

impl Lost {
    /// The message for the operator. `why` is the failure by which the driver noticed the loss.
    fn words(&self, target: &Target, why: &str) -> String {
        match self {
            Self::To(holder) => to(holder),
            Self::Gone => format!(
                "the key of its lock is gone from the store: it was deleted, or its lease ended. Resume the release with greenroom resume {} {} ({why})",
                target.service, target.environment
            ),
            Self::Ours => why.to_owned(),
            Self::Unknown => format!("the holder of the lock cannot be read: {why}"),
        }
    }
}

/// What the machine is told when its lock is lost: the end that a later release gave this one, or that it may not
/// act any more. `why` is what the driver was told.
pub(super) async fn event(world: &World, lost: &Lost, why: &str) -> Event {
    let is_expected = match lost {
        Lost::To(holder) => holder.record.release > world.plan.release,
        Lost::Gone | Lost::Ours | Lost::Unknown => false,
    };
    match overtaken::written_end(world, is_expected).await {
        Some(outcome) => Event::EndedElsewhere(outcome),
        None => Event::LockLost(lost.words(world.plan.target(), why)),
    }
}

/// `lost to ben@ops-2 at 14:02:11`.
fn to(holder: &LockHolder) -> String {
    let since = local_time::clock(holder.record.since);
    sanitize(&format!("lost to {} at {since}", holder.record.operator))
}

/// The words of a failure; of one that compared the lock, who has it now.
pub(super) async fn words(world: &World, failure: &Failure) -> String {
    if failure.kind != FailureKind::Fenced {
        return failure.to_string();
    }
    let lost = look(world).await;
    lost.words(world.plan.target(), &failure.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::drift::world_tests::{agreed, locked};

    const OWN: FencingToken = FencingToken(1);

    fn said(record: RegistryRecord) -> String {
        let target = agreed().target;
        lost(&target, record, OWN).words(&target, "a write was refused")
    }

    #[test]
    fn a_lock_that_was_deleted_is_told_as_gone_with_the_command_that_resumes() {
        let said = said(RegistryRecord::default());
        assert!(said.contains("the key of its lock is gone"), "{said}");
        assert!(said.contains("greenroom resume web qa"), "{said}");
    }

    #[test]
    fn a_lock_of_another_driver_is_told_with_its_name() {
        let mut snapshot = agreed();
        locked(&mut snapshot);
        let mut record = RegistryRecord {
            lock: snapshot.lock,
            ..RegistryRecord::default()
        };
        assert!(said(record.clone()).starts_with("lost to ana@ops-1"));
        record.lock.as_mut().expect("a holder").token = OWN;
        assert_eq!(said(record), "a write was refused");
    }

    #[test]
    fn a_lock_that_cannot_be_read_is_not_told_as_gone() {
        let mut record = RegistryRecord::default();
        let key = "/greenroom/v1/targets/web/qa/lock".to_owned();
        record.problems.insert(key, "not JSON".to_owned());
        let said = said(record);
        assert!(
            said.starts_with("the holder of the lock cannot be read: "),
            "{said}"
        );
    }
}
