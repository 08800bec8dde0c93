//! What becomes of an entry: after the engine refused its release, and after its release has ended.

use std::time::Duration;

use jiff::Timestamp;

use crate::history::{Outcome, ReleaseKind, ReleaseRecord};
use crate::inventory::{Digest, EntryState, QueueEntry, ReleaseId};
use crate::release::{Refusal, Refused};

/// How long an image may be missing after its push was reported. Some image registries report a push before every one
/// of their servers has the image.
const MISSING_IMAGE: Duration = Duration::from_mins(2);

/// The state of an entry after the engine refused to plan or to open its release. `live` is the release that made the
/// live version live.
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
            let retried_at = entry.retried.as_ref().map(|retry| retry.at);
            let since = retried_at.unwrap_or_default().max(entry.push.received_at);
            let age = now.duration_since(since);
            age > jiff::SignedDuration::try_from(MISSING_IMAGE).unwrap_or_default()
        }
        // The live version may become healthy, or another version may become live, so the entry waits.
        Refusal::AlreadyLive { .. } => false,
        reason => !reason.may_pass(),
    };
    // A lasting reason is shown first, because an operator must act on it.
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

/// The state of an entry whose version must not be released again without an operator's retry; none if it may be. That
/// is a version that did not become live in its newest promote, because it would fail again and again, and a version
/// from which an operator rolled back. `past` has the newest release first. `standby` is the release of which only the
/// standby remains, so it has made its version live.
pub(super) fn blocked(
    past: &[ReleaseRecord],
    digest: &Digest,
    standby: Option<ReleaseId>,
) -> Option<EntryState> {
    past.iter().find_map(|head| {
        let outcome = match &head.closed {
            Some((_, outcome)) => outcome,
            None if standby == Some(head.id) => &Outcome::Done,
            None => return None,
        };
        let is_back = head.kind.is_rollback() && outcome.is_success();
        let left = head.from.as_ref().filter(|_| is_back);
        if left.is_some_and(|(_, version)| version.digest == *digest) {
            let why = format!(
                "release {} by {} rolled back from this version",
                head.id.short(),
                head.operator
            );
            return Some(Some(EntryState::Refused { why }));
        }
        let is_promote = head.kind == ReleaseKind::Promote && head.to.1.digest == *digest;
        let failed = || (!outcome.is_success()).then(|| after_outcome(head.id, outcome));
        is_promote.then(failed)
    })?
}

/// When a hold of the refusal ends; none if no hold has an end.
pub(super) fn hold_ends(refused: &Refused) -> Option<Timestamp> {
    let holds = refused.0.iter().filter_map(Refusal::hold);
    holds.filter_map(|hold| hold.until).min()
}

/// The first line of a reason. A lock has a text of its own, because its message contains a remaining time.
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

    /// A release that made another version live, in the place of the version of `head`.
    fn done_before(head: &ReleaseRecord) -> ReleaseRecord {
        let mut other = head.clone();
        other.from = Some(head.to.clone());
        other.to.1.digest = Digest::of(b"the version before");
        other.closed = Some((at(9), Outcome::Done));
        other
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
        let state = blocked(&[failed.clone(), done.clone()], digest, None);
        assert_eq!(state.map(|it| it.kind()), Some(StateKind::Failed));
        assert_eq!(blocked(&[done, failed.clone()], digest, None), None);
        let mut back = done_before(&failed);
        back.kind = ReleaseKind::ColdRollback;
        let state = blocked(&[back], digest, None);
        assert_eq!(state.map(|it| it.kind()), Some(StateKind::Refused));
        let mut unfinished = done_before(&failed);
        unfinished.kind = ReleaseKind::WarmRollback;
        unfinished.closed = None;
        let standby = Some(unfinished.id);
        let state = blocked(&[unfinished.clone()], digest, standby);
        assert_eq!(state.map(|it| it.kind()), Some(StateKind::Refused));
        assert_eq!(blocked(&[unfinished], digest, None), None);
        let other = Digest::of(b"another version");
        assert_eq!(blocked(&[failed], &other, None), None);
    }
}
