//! To whom a lock was lost. A driver that lost it does nothing any more, but who has it now is what
//! its operator wants to know first.

use std::time::Duration;

use super::World;
use crate::harmless::harmless;
use crate::ports::{Failure, FailureKind};

/// How long that may be looked for.
const PATIENCE: Duration = Duration::from_secs(2);

/// `lost to ben@ops-2 at 14:02:11`, where it can be read who holds it now.
pub(super) async fn to_whom(world: &World) -> Option<String> {
    let reading = world.read.registry.read(world.plan.target());
    let record = tokio::time::timeout(PATIENCE, reading).await.ok()?.ok()?;
    let holder = record
        .lock
        .filter(|holder| holder.token != world.fence.token)?;
    let since = holder.record.since.strftime("%H:%M:%S");
    Some(harmless(&format!(
        "lost to {} at {since}",
        holder.record.operator
    )))
}

/// The words of a failure; of one that compared the lock, who has it now.
pub(super) async fn words(world: &World, failure: &Failure) -> String {
    if failure.kind != FailureKind::Fenced {
        return failure.to_string();
    }
    to_whom(world)
        .await
        .unwrap_or_else(|| format!("the lock is somebody else's: {failure}"))
}
