//! The end of releases that the next one overtakes. A release whose driver is gone stays without an end
//! until an operator resumes it; once another release begins in its target, nobody can. So the next
//! release writes that end, under its own lock and before its own head.

use jiff::Timestamp;

use super::Site;
use crate::history::{Chain, Direction, LivePeriod, Outcome, Recorded, ReleaseRecord, Step};
use crate::inventory::Target;
use crate::ports::{Fence, JournalReader, JournalWriter, Result};
use crate::release::replay::Replay;
use crate::release::{Definition, Plan, interrupted_at};

/// How many of the newest releases are searched for ones without an end.
const SEARCHED: usize = 50;

/// Closes every release of the target that has no end. `by` is the plan of the release that begins.
/// A failure stops no release: the next one that begins tries again.
pub(super) async fn close_overtaken(
    site: &Site,
    journal: &dyn JournalWriter,
    fence: &Fence,
    by: &Plan,
    now: Timestamp,
) {
    let target = &site.definition.target;
    let open = match open_heads(site.read.journal.as_ref(), target).await {
        Ok(open) => open,
        Err(failure) => {
            tracing::warn!(
                subject = %target,
                "releases that this one overtakes were not searched for: {failure}"
            );
            return;
        }
    };
    for head in open.into_iter().filter(|head| head.id != by.release) {
        let id = head.id;
        if let Err(failure) = close(site, journal, fence, head, by, now).await {
            tracing::warn!(
                subject = %target,
                "the end of release {id}, which this one overtakes, was not written: {failure}"
            );
        }
    }
}

async fn open_heads(journal: &dyn JournalReader, target: &Target) -> Result<Vec<ReleaseRecord>> {
    let mut heads = journal.releases(target, SEARCHED).await?;
    heads.retain(|head| head.closed.is_none());
    Ok(heads)
}

async fn close(
    site: &Site,
    journal: &dyn JournalWriter,
    fence: &Fence,
    head: ReleaseRecord,
    by: &Plan,
    now: Timestamp,
) -> Result<()> {
    let target = &site.definition.target;
    let Some(recorded) = site.read.journal.release(target, head.id).await? else {
        return Ok(());
    };
    if recorded.head.closed.is_some() {
        return Ok(());
    }
    let outcome = outcome(&recorded, &site.definition, by);
    let head = Chain::after(&recorded).closed(ReleaseRecord {
        live: LivePeriod::of(&recorded.entries),
        closed: Some((now, outcome)),
        ..recorded.head
    });
    journal.head(&head, fence).await
}

/// How a release ended that another one overtakes.
fn outcome(recorded: &Recorded, definition: &Definition, by: &Plan) -> Outcome {
    let plan = Plan::recorded(&recorded.head, definition, None);
    let replay = Replay::of(recorded, &plan);
    let stage = replay.stage().map(|stage| stage.step);
    match (replay.direction(), stage) {
        // Everything was observed; only the end was not written.
        (Direction::Forward, None) => Outcome::Done,
        (Direction::Back, None) => Outcome::BackedOut {
            reason: replay.back_reason.unwrap_or_default(),
        },
        // The watch was passed: the version was live, and what is left is the old one.
        (Direction::Forward, Some(Step::Drain | Step::Stop)) if replay.switched => {
            Outcome::Superseded
        }
        (direction, Some(_)) => Outcome::Left {
            reason: format!(
                "it was interrupted {}, and then overtaken by the {} to {} (release {})",
                interrupted_at(replay.settled, direction),
                by.kind,
                by.version.name(),
                by.release,
            ),
        },
    }
}
