//! Whether the lock is still ours, asked directly before what compares no token is changed: engines,
//! and files that a proxy is configured by. A driver that slept for longer than its lease learns of it
//! here, and not after its next heartbeat (interlock 4).

use super::World;
use crate::ports::{Failure, FailureKind};

pub(super) async fn still_ours(world: &World, doing: &str) -> Result<(), Failure> {
    let target = world.plan.target();
    if world.write.locks.holds(target, &world.fence).await? {
        return Ok(());
    }
    let said = format!("the lock of {target} is not ours any more");
    Err(Failure::new(FailureKind::Fenced, "the lock", doing, said))
}
