//! Checks that this driver still holds the lock (interlock 4). The driver makes this check before it changes
//! containers, processes or the configuration of a proxy, because these changes do not compare the lock's token. If
//! this machine slept for longer than the lease, the check finds the lost lock before the next heartbeat does.

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
