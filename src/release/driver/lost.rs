//! Reads who holds the lock now, if this driver may have lost it: a write was refused, the lease ended, or a user
//! interface noticed another driver. The message tells the operator who has the lock, or how the release has ended.

use std::time::Duration;

use super::{World, overtaken};
use crate::inventory::{FencingToken, LockHolder, RegistryRecord, StoredKey, Target, local_time};
use crate::ports::{Failure, FailureKind};
use crate::release::event::Event;
use crate::sanitize::sanitize;

/// How long reading the lock may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// What the store says about a lost lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lost {
    /// Another driver holds the lock.
    To(Box<LockHolder>),
    /// The store has no key of the lock: the key was deleted, or its lease ended.
    Gone,
    /// The store still names this driver as the holder of the lock.
    Ours,
    /// The store did not answer, or the lock's key cannot be read.
    Unknown,
}

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
    /// The message for the operator. `why` is the failure that made the driver read the lock.
    fn message(&self, target: &Target, why: &str) -> String {
        match self {
            Self::To(holder) => lost_to(holder),
            Self::Gone => format!(
                "the store no longer has the lock: {why}. The lock was deleted, or its lease ended. Resume the release: greenroom resume {} {}",
                target.service, target.environment
            ),
            Self::Ours => why.to_owned(),
            Self::Unknown => format!(
                "it is not known who holds the lock: {why}. Resume the release as soon as the lock can be read: greenroom resume {} {}",
                target.service, target.environment
            ),
        }
    }
}

/// The event for the machine after a lost lock. If the journal already says how this release ended, the event is that
/// end. Otherwise the event makes the driver stop. `why` is the failure that made the driver read the lock.
pub(super) async fn event(world: &World, lost: &Lost, why: &str) -> Event {
    let is_expected = match lost {
        Lost::To(holder) => holder.record.release > world.plan.release,
        Lost::Gone | Lost::Ours | Lost::Unknown => false,
    };
    match overtaken::written_end(world, is_expected).await {
        Some(outcome) => Event::EndedElsewhere(outcome),
        None => Event::LockLost(lost.message(world.plan.target(), why)),
    }
}

/// The message about a lock that another driver holds: `the lock was lost to ben@ops-2 at 14:02:11`.
fn lost_to(holder: &LockHolder) -> String {
    let since = local_time::clock(holder.record.since);
    sanitize(&format!(
        "the lock was lost to {} at {since}",
        holder.record.operator
    ))
}

/// The message of a failure. If a write was refused because of the lock, the message also says who holds the lock now.
pub(super) async fn message(world: &World, failure: &Failure) -> String {
    if failure.kind != FailureKind::Fenced {
        return failure.to_string();
    }
    let lost = look(world).await;
    lost.message(world.plan.target(), &failure.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::drift::world_tests::{agreed, locked};

    const OWN: FencingToken = FencingToken(1);

    fn message(record: RegistryRecord) -> String {
        let target = agreed().target;
        lost(&target, record, OWN).message(&target, "a write was refused")
    }

    #[test]
    fn a_deleted_lock_is_reported_with_the_command_that_resumes() {
        let message = message(RegistryRecord::default());
        assert!(
            message.contains("the store no longer has the lock"),
            "{message}"
        );
        assert!(message.contains("greenroom resume web qa"), "{message}");
    }

    #[test]
    fn a_lock_of_another_driver_is_reported_with_its_operator() {
        let mut snapshot = agreed();
        locked(&mut snapshot);
        let mut record = RegistryRecord {
            lock: snapshot.lock,
            ..RegistryRecord::default()
        };
        assert!(message(record.clone()).starts_with("the lock was lost to ana@ops-1"));
        record.lock.as_mut().expect("a holder").token = OWN;
        assert_eq!(message(record), "a write was refused");
    }

    #[test]
    fn an_unreadable_lock_is_not_reported_as_missing() {
        let mut record = RegistryRecord::default();
        let key = "/greenroom/v1/targets/web/qa/lock".to_owned();
        record.problems.insert(key, "not JSON".to_owned());
        let message = message(record);
        assert!(
            message.starts_with("it is not known who holds the lock: "),
            "{message}"
        );
    }
}
