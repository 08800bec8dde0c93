//! What becomes of an entry: after the planner refused it, and after its release has ended.

use std::time::Duration;

use jiff::Timestamp;

use crate::history::{Outcome, ReleaseKind, ReleaseRecord};
use crate::inventory::{Digest, EntryState, QueueEntry, ReleaseId};
use crate::release::{Refusal, Refused};

/// How long an image may be missing after its push was reported. Some image registries report a push before every one
/// of their servers has the image.
const MISSING_IMAGE: Duration = Duration::from_secs(120);

/// The state of an entry whose release the planner refused. `live` is the release that made the live version live.
pub(super) fn after_refusal(
    entry: &QueueEntry,
    refused: &Refused,
    live: Option<ReleaseId>,
    now: Timestamp,
) -> EntryState {
    let is_live = |reason: &Refusal| {
        matches!(
            reason,
            Refusal::AlreadyLive {
                unhealthy: None,
                ..
            }
        )
    };
    if refused.0.iter().all(is_live) {
        return EntryState::Done { release: live };
    }
    let lasts = |reason: &&Refusal| match reason {
        Refusal::NoSuchVersion { .. } => {
            let age = now.duration_since(entry.push.received_at);
            age > jiff::SignedDuration::try_from(MISSING_IMAGE).unwrap_or_default()
        }
        // The version is live or not before a release of it can start.
        Refusal::AlreadyLive { .. } => false,
        reason => !reason.may_pass(),
    };
    // The reason that lasts is the one that somebody must remove.
    match refused.0.iter().find(lasts) {
        Some(reason) => EntryState::Refused { why: line(reason) },
        None => EntryState::Waiting {
            why: refused.0.first().map(line),
        },
    }
}

/// The state of an entry whose release has ended.
pub(super) fn after_outcome(release: ReleaseId, outcome: &Outcome) -> EntryState {
    match outcome {
        Outcome::Done | Outcome::Superseded { .. } => EntryState::Done {
            release: Some(release),
        },
        Outcome::BackedOut { reason } | Outcome::Left { reason } => EntryState::Failed {
            release,
            why: reason.clone(),
        },
        Outcome::NeedsPerson { reason } => EntryState::Failed {
            release,
            why: format!("a person has to look at it: {reason}"),
        },
    }
}

/// The newest release of the version, if it did not make the version live. `past` has the newest release first. Such a
/// version is not released again unless an operator retries it: it would fail again and again.
pub(super) fn failed_before(past: &[ReleaseRecord], digest: &Digest) -> Option<EntryState> {
    let of_version =
        |head: &&ReleaseRecord| head.kind == ReleaseKind::Promote && head.to.1.digest == *digest;
    let newest = past.iter().find(of_version)?;
    let (_, outcome) = newest.closed.as_ref().filter(|(_, it)| !it.is_success())?;
    Some(after_outcome(newest.id, outcome))
}

/// When a hold of the refusal ends; none if no hold has an end.
pub(super) fn hold_ends(refused: &Refused) -> Option<Timestamp> {
    let holds = refused.0.iter().filter_map(Refusal::hold);
    holds.filter_map(|hold| hold.until).min()
}

/// The first line of a reason. The second line says what an operator can do about a request of their own.
fn line(reason: &Refusal) -> String {
    let text = reason.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}
