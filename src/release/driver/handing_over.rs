//! The lock of a release that was handed over is held until its heir has taken it: nobody else slips in
//! between. An heir that does not come finds it free after a while, like everybody else.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};

use super::World;
use crate::history::Successor;
use crate::sanitize::sanitize;

/// How long the heir is waited for.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest between two looks: a change may be told late.
const LOOK: Duration = Duration::from_millis(500);

/// Waits until somebody else has the lock. Whether it is ours still, and has to be given back.
pub(super) async fn is_still_ours(world: &World, successor: &Successor) -> bool {
    let target = world.plan.target();
    let until = Instant::now() + TIMEOUT;
    let mut changes = world.read.registry.changes().await.ok();
    loop {
        match timeout_at(until, world.read.registry.read(target)).await {
            Ok(Ok(record)) => match record.lock {
                Some(holder) if holder.token == world.fence.token => {}
                Some(holder) => {
                    if holder.record.console != successor.console {
                        let other = &holder.record.operator;
                        let words =
                            format!("handed to {}, and taken by {other}", successor.operator);
                        tracing::warn!("{}", sanitize(&words));
                    }
                    return false;
                }
                None => return false,
            },
            Ok(Err(failure)) => tracing::debug!("whether it was taken is not known: {failure}"),
            Err(_) => {}
        }
        let now = Instant::now();
        if now >= until {
            let words = format!("{} did not take what was handed over", successor.operator);
            tracing::warn!("{}", sanitize(&words));
            return true;
        }
        let next = (now + LOOK).min(until);
        match &mut changes {
            // What changed is looked at; that nothing is heard any more is waited out.
            Some(changes) => drop(timeout_at(next, changes.next()).await),
            None => tokio::time::sleep_until(next).await,
        }
    }
}
