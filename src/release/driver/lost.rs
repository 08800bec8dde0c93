//! To whom a lock was lost. A driver that lost it does nothing any more, but who has it now is what
//! its operator wants to know first; and whether the release has ended with that.

use std::time::Duration;

use super::{World, overtaken};
use crate::harmless::harmless;
use crate::inventory::LockHolder;
use crate::inventory::local_time;
use crate::ports::{Failure, FailureKind};
use crate::release::event::Event;

/// How long that may be looked for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Who holds the lock now, where that can be read and is another.
pub(super) async fn holder(world: &World) -> Option<LockHolder> {
    let reading = world.read.registry.read(world.plan.target());
    let record = tokio::time::timeout(PATIENCE, reading).await.ok()?.ok()?;
    record
        .lock
        .filter(|holder| holder.token != world.fence.token)
}

/// What the machine is told when its lock is lost: the end that a later release gave this one, or that it may not
/// act any more. `why` is said where no other holder is known.
pub(super) async fn event(world: &World, holder: Option<LockHolder>, why: String) -> Event {
    let is_later = |holder: &LockHolder| holder.record.release > world.plan.release;
    let is_expected = holder.as_ref().is_some_and(is_later);
    match overtaken::written_end(world, is_expected).await {
        Some(outcome) => Event::EndedElsewhere(outcome),
        None => Event::LockLost(holder.map_or(why, |holder| to(&holder))),
    }
}

/// `lost to ben@ops-2 at 14:02:11`.
fn to(holder: &LockHolder) -> String {
    let since = local_time::clock(holder.record.since);
    harmless(&format!("lost to {} at {since}", holder.record.operator))
}

/// The words of a failure; of one that compared the lock, who has it now.
pub(super) async fn words(world: &World, failure: &Failure) -> String {
    if failure.kind != FailureKind::Fenced {
        return failure.to_string();
    }
    match holder(world).await {
        Some(holder) => to(&holder),
        None => format!("the lock is somebody else's: {failure}"),
    }
}
