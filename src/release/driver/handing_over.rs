//! Keeps the lock of a release after its handover, until the successor has taken the lock. So no other console can take
//! the lock in between. If the successor does not take the lock in time, the driver releases it, and any operator can
//! take it.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::World;
use crate::history::Successor;
use crate::sanitize::sanitize;

/// How long the successor may take to take the lock.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest time between two reads of the lock. A change may be reported late or not at all.
const LOOK: Duration = Duration::from_millis(500);

/// Waits until this driver no longer has the lock, or until `TIMEOUT` is over. Returns whether this driver still
/// holds the lock and must release it.
pub(super) async fn is_ours_after_waiting(world: &World, successor: &Successor) -> bool {
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
                        let message = format!(
                            "the lock of {target} was handed over to {}, but {other} took it",
                            successor.operator
                        );
                        tracing::warn!("{}", sanitize(&message));
                    }
                    return false;
                }
                None => return false,
            },
            Ok(Err(failure)) => {
                tracing::debug!(
                    "it is not known whether the successor took the lock of {target}: {failure}"
                );
            }
            Err(_) => {}
        }
        let now = Instant::now();
        if now >= until {
            let message = format!(
                "{} did not take the lock of {target} in time after the handover. The driver releases the lock, so that any operator can take it",
                successor.operator
            );
            tracing::warn!("{}", sanitize(&message));
            return true;
        }
        let next = (now + LOOK).min(until);
        // The lock is read after each change, and at the latest at `next`.
        wait_for_change(&mut changes, next).await;
    }
}

/// Waits until something changes or the stream ends, but not longer than `until`. If the stream has ended,
/// waits until `until`.
async fn wait_for_change<T>(changes: &mut Option<BoxStream<'_, T>>, until: Instant) {
    let Some(stream) = changes else {
        return sleep_until(until).await;
    };
    if let Ok(None) = timeout_at(until, stream.next()).await {
        *changes = None;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn an_ended_stream_causes_no_busy_loop() {
        let until = Instant::now() + Duration::from_millis(50);
        let mut changes = Some(stream::iter([1]).boxed());
        for waits in [false, false, true] {
            wait_for_change(&mut changes, until).await;
            assert_eq!(Instant::now() >= until, waits);
        }
    }
}
