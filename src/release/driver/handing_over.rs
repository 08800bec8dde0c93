//! The driver of a release that was handed over keeps the lock until its successor has taken it, so that no other
//! console can take it in between. If the successor does not take it in time, the lock becomes free for every operator.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};

use super::World;
use crate::history::Successor;
use crate::sanitize::sanitize;

/// How long the driver waits for the successor.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest time between two looks: a change may be reported late.
const LOOK: Duration = Duration::from_millis(500);

/// Waits until another console has the lock. Returns whether this driver still holds it and must give it back.
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
                        let words = format!(
                            "the lock was handed to {}, but {other} took it",
                            successor.operator
                        );
                        tracing::warn!("{}", sanitize(&words));
                    }
                    return false;
                }
                None => return false,
            },
            Ok(Err(failure)) => {
                tracing::debug!("whether the successor took the lock is not known: {failure}");
            }
            Err(_) => {}
        }
        let now = Instant::now();
        if now >= until {
            let words = format!(
                "{} did not take the lock that was handed over",
                successor.operator
            );
            tracing::warn!("{}", sanitize(&words));
            return true;
        }
        let next = (now + LOOK).min(until);
        match &mut changes {
            // A change is followed by a look. If the changes end, the driver waits for the next look.
            Some(changes) => drop(timeout_at(next, changes.next()).await),
            None => tokio::time::sleep_until(next).await,
        }
    }
}
