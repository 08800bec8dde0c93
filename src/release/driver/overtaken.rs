//! Closes releases that ended because a later one started. The driver of the later release writes the end of each
//! earlier one, under its own lock and after its own head. If that driver crashes before, the driver that resumes the
//! later release writes the ends. A driver that lost its lock reads the end of its own release from the journal.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::World;
use crate::history::{
    Chain, Direction, FORMAT, LivePeriod, Outcome, Recorded, ReleaseRecord, Step,
};
use crate::ports::{FailureKind, Result};
use crate::release::replay::Replay;
use crate::release::{Plan, interrupted_at};

/// How many earlier releases are read.
const EARLIER: usize = 20;
/// How long a driver that lost its lock waits for its end to be written.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The pause between two reads of the journal.
const AGAIN: Duration = Duration::from_millis(100);

/// Closes every earlier release of the target that has no end. A release that cannot be closed stays open, and the next
/// release closes it.
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
            "the end of an earlier release of {target} was not written, and the next release writes it: {failure}"
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
    match world.write.journal.head(&record, &world.fence).await {
        // The earlier driver wrote the end itself before it lost its lock.
        Err(failure) if failure.kind == FailureKind::Conflict => Ok(()),
        written => written,
    }
}

/// How an earlier release ended. If every step was observed, the release is done or backed out. If the watch was
/// passed, its version is live and only the old one was still to be stopped: the release is superseded. Any other
/// release is left as it was.
fn end(world: &World, recorded: &Recorded) -> Outcome {
    let successor = world.plan.successor();
    let plan = Plan::recorded(&recorded.head, &world.plan.definition, None);
    let replay = Replay::of(recorded, &plan);
    let stage = replay.stage().map(|stage| stage.step);
    match (replay.direction(), stage) {
        // Everything was observed; only the end was not written.
        (Direction::Forward, None) => Outcome::Done,
        (Direction::Back, None) => Outcome::BackedOut {
            reason: replay.back_reason.unwrap_or_default(),
        },
        (Direction::Forward, Some(Step::Drain | Step::Stop)) if replay.switched => {
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

/// The end that the driver of a later release wrote for this one. With `is_expected`, the function waits for that end,
/// because the later driver took the lock a moment ago.
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
