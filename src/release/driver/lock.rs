//! Checks that this driver still holds the lock, before it changes something that compares no token: engines, and files
//! that configure a proxy. A driver that slept for longer than its lease finds that out from this check, before its
//! next heartbeat (interlock 4).

use super::World;
use crate::ports::{Failure, FailureKind};

pub(super) async fn still_ours(world: &World, doing: &str) -> Result<(), Failure> {
    let target = world.plan.target();
    if world.write.locks.holds(target, &world.fence).await? {
        return Ok(());
    }
    let message = format!("this driver no longer holds the lock of {target}");
    Err(Failure::new(
        FailureKind::Fenced,
        "the lock",
        doing,
        message,
    ))
}
