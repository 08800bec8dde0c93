//! Records how earlier releases ended, if their records do not say it yet. The driver of a later release does this
//! under its own lock, after it has recorded its own start. If that driver crashes first, the driver that resumes the
//! later release does it. A driver that lost its lock reads from the journal how its own release ended.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::World;
use crate::history::{Chain, Direction, FORMAT, LivePeriod, Outcome, Recorded, ReleaseRecord};
use crate::ports::{FailureKind, Result};
use crate::release::ladder::{Property, has};
use crate::release::replay::Replay;
use crate::release::{Plan, interrupted_at};

/// How many of the earlier releases are searched for a release without an end.
const EARLIER: usize = 20;
/// How long a driver that lost its lock waits until the driver of the later release has recorded the end of the earlier
/// release.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The pause between two reads of the journal.
const AGAIN: Duration = Duration::from_millis(100);

/// Records an end for each of the last `EARLIER` earlier releases that is still open. A record in a newer format is
/// not changed. If this fails, those releases stay open, and the next release records their ends.
pub(super) async fn close_earlier(world: &World) {
    let (target, id) = (world.plan.target(), world.plan.release);
    let earlier = world.read.journal.releases_before(target, id, EARLIER);
    let closed = async {
        for head in earlier.await? {
            if head.closed.is_none() && head.format <= FORMAT {
                close(world, &head).await?;
            }
        }
        Result::Ok(())
    };
    if let Err(failure) = closed.await {
        tracing::warn!(
            "the end of an earlier release of {target} was not recorded: {failure}. The next release records it"
        );
    }
}

async fn close(world: &World, head: &ReleaseRecord) -> Result<()> {
    let target = world.plan.target();
    let Some(recorded) = world.read.journal.release(target, head.id).await? else {
        return Ok(());
    };
    let mut record = recorded.head.clone();
    record.live = LivePeriod::of(&recorded.entries);
    record.closed = Some((world.clock.now(), end(world, &recorded)));
    let record = Chain::after(&recorded).closed(record);
    match world.write.store.journal.head(&record, &world.fence).await {
        // The record has changed: the earlier driver recorded the end itself before it lost its lock.
        Err(failure) if failure.kind == FailureKind::Conflict => Ok(()),
        written => written,
    }
}

/// How an earlier release ended. If all its steps are done, the release is done or backed out. If only *drain* or
/// *stop* was missing, its version is live: the release is superseded. Any other release is closed as *left*.
fn end(world: &World, recorded: &Recorded) -> Outcome {
    let successor = world.plan.successor();
    let plan = Plan::recorded(&recorded.head, &world.plan.definition, None);
    let replay = Replay::of(recorded, &plan);
    let step = replay.stage().map(|stage| stage.step);
    match (replay.direction(), step) {
        // All steps are done. Only the end is missing.
        (Direction::Forward, None) => Outcome::Done,
        (Direction::Back, None) => Outcome::BackedOut {
            reason: replay.track.back_reason.unwrap_or_default(),
        },
        (Direction::Forward, Some(step))
            if replay.track.switched
                && (has(step, Property::ClearsOldSlot) || has(step, Property::FollowsStop)) =>
        {
            Outcome::Superseded {
                by: Some(successor),
            }
        }
        (direction, Some(_)) => Outcome::Left {
            reason: format!(
                "the release was interrupted {}, and had no driver when {successor} started",
                interrupted_at(replay.settled, direction),
            ),
        },
    }
}

/// The end of this release, if the journal has one. With `is_expected`, the function waits for the end, because the
/// driver of a later release has taken the lock and is about to record it.
pub(super) async fn written_end(world: &World, is_expected: bool) -> Option<Outcome> {
    let (target, id) = (world.plan.target(), world.plan.release);
    let until = Instant::now() + TIMEOUT;
    loop {
        let reading = world.read.journal.release(target, id);
        if let Ok(Ok(Some(recorded))) = timeout_at(until, reading).await
            && let Some((_, outcome)) = recorded.head.closed
        {
            return Some(outcome);
        }
        if !is_expected || Instant::now() >= until {
            return None;
        }
        sleep(AGAIN).await;
    }
}
