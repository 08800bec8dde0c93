//! Reads who holds a lock that this driver lost. The driver stops acting, but its operator first wants to know who has
//! the lock now, and whether the release has ended.

use std::time::Duration;

use super::{World, overtaken};
use crate::inventory::{FencingToken, LockHolder, RegistryRecord, StoredKey, Target, local_time};
use crate::ports::{Failure, FailureKind};
use crate::release::event::Event;
use crate::sanitize::sanitize;

/// How long the look may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// What the store says about a lost lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lost {
    /// Another driver holds it.
    To(Box<LockHolder>),
    /// Its key is gone: it was deleted, or its lease ended.
    Gone,
    /// This driver still holds it. Only the server that received the write refused it.
    Ours,
    /// The store did not answer, or the lock's key cannot be read.
    Unknown,
}

/// Reads the lock.
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

/// The event for the machine when its lock is lost: the end that a later release wrote for this one, or that it may no
/// longer act. `why` is the reason that the driver was given.
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

/// The message of a failure. For a write that compared the lock, the message names who has it now.
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
    fn a_deleted_lock_is_reported_with_the_command_that_resumes() {
        let said = said(RegistryRecord::default());
        assert!(said.contains("the key of its lock is gone"), "{said}");
        assert!(said.contains("greenroom resume web qa"), "{said}");
    }

    #[test]
    fn a_lock_of_another_driver_is_reported_with_its_name() {
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
    fn an_unreadable_lock_is_not_reported_as_gone() {
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
