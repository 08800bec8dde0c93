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

/// A reason in one line, without what an operator can do about a request of their own, and without remaining times.
fn line(reason: &Refusal) -> String {
    if let Refusal::Locked { holder, .. } = reason {
        let record = &holder.record;
        return format!("{} holds the lock ({})", record.operator, record.message);
    }
    let text = reason.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::history::samples_for_tests::planned;
    use crate::inventory::{
        FencingToken, Hold, LockHolder, LockPurpose, LockRecord, Operator, Push, PushSource, Slot,
        StateKind, Target,
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
    }

    fn operator() -> Operator {
        Operator {
            name: "ana".into(),
            host: "ops-1".into(),
        }
    }

    fn target() -> Target {
        Target::new(
            "web".parse().expect("a name"),
            "qa".parse().expect("a name"),
        )
    }

    fn entry() -> QueueEntry {
        let push = Push::new("team/web", "develop", PushSource::Notify, "d1", at(0));
        QueueEntry::new(&target(), push.expect("a push"))
    }

    fn held(until: Option<i64>) -> Refusal {
        Refusal::Held(Hold {
            reason: "payday".into(),
            author: operator(),
            since: at(0),
            until: until.map(at),
            release: None,
            cleared: None,
        })
    }

    fn locked() -> Refusal {
        let record = LockRecord {
            operator: operator(),
            console: "c".into(),
            release: ReleaseId(ulid::Ulid::nil()),
            since: at(0),
            message: "promote to 1.9.0".into(),
            purpose: LockPurpose::Release,
        };
        let holder = LockHolder {
            record,
            token: FencingToken(7),
            ttl_seconds: Some(29),
        };
        Refusal::locked(&target(), Box::new(holder))
    }

    fn missing() -> Refusal {
        Refusal::NoSuchVersion {
            wanted: "develop".into(),
            repository: "team/web".into(),
        }
    }

    fn live(unhealthy: Option<&str>) -> Refusal {
        Refusal::AlreadyLive {
            slot: Slot::Blue,
            version: "develop".into(),
            unhealthy: unhealthy.map(str::to_owned),
        }
    }

    #[test]
    fn a_refusal_decides_whether_the_entry_waits() {
        let late = 121;
        for (reasons, second, expected) in [
            (vec![held(None)], 1, StateKind::Waiting),
            (vec![locked()], 1, StateKind::Waiting),
            (vec![missing()], 1, StateKind::Waiting),
            (vec![missing()], late, StateKind::Refused),
            (vec![live(None)], 1, StateKind::Done),
            (vec![live(Some("it restarts"))], 1, StateKind::Waiting),
            (vec![live(None), held(None)], 1, StateKind::Waiting),
            (
                vec![held(None), Refusal::NoHealthCheck],
                1,
                StateKind::Refused,
            ),
        ] {
            let refused = Refused(reasons);
            let state = after_refusal(&entry(), &refused, None, at(second));
            assert_eq!(state.kind(), expected, "{refused:?}");
        }
    }

    #[test]
    fn the_reason_of_a_wait_has_no_remaining_time() {
        let state = after_refusal(&entry(), &locked().into(), None, at(1));
        let why = Some("ana@ops-1 holds the lock (promote to 1.9.0)".to_owned());
        assert_eq!(state, EntryState::Waiting { why });
    }

    #[test]
    fn a_wait_ends_with_the_first_hold_that_ends() {
        let refused = Refused(vec![held(None), held(Some(9)), held(Some(5)), locked()]);
        assert_eq!(hold_ends(&refused), Some(at(5)));
        assert_eq!(hold_ends(&held(None).into()), None);
    }

    #[test]
    fn only_the_newest_release_of_a_version_says_whether_it_failed() {
        let reason = "verify failed".to_owned();
        let ended = |outcome| {
            let mut head = planned(1, None, true);
            head.kind = ReleaseKind::Promote;
            head.closed = Some((at(9), outcome));
            head
        };
        let done = ended(Outcome::Done);
        let failed = ended(Outcome::BackedOut { reason });
        let digest = &done.to.1.digest.clone();
        let state = failed_before(&[failed.clone(), done.clone()], digest);
        assert_eq!(state.map(|it| it.kind()), Some(StateKind::Failed));
        assert_eq!(failed_before(&[done, failed.clone()], digest), None);
        let other = Digest::of(b"another version");
        assert_eq!(failed_before(&[failed], &other), None);
    }
}
