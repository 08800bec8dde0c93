//! The order of a queue: which push of a target is released, which pushes it takes the place of, and which entries are
//! forgotten.
//!
//! Pushes are ordered by the time at which they were received. The time that a sender gives an event is not used: it is
//! comparable only with other times of the same sender, and an order by event time within a sender and by receipt between
//! senders can contradict itself. For a moving tag the order does not matter, because the agent resolves the tag again.

use std::borrow::Borrow;

use super::super::ReleaseId;
use super::{EntryId, EntryState, QueueEntry};

/// How many entries of a target may be pending. A sender that reports more is refused.
pub const MOST_PENDING: usize = 100;
/// How many entries that have ended are kept for each target.
pub const MOST_ENDED: usize = 20;

/// The newest entry that waits for an agent or an operator. Its version is the only one that should become live.
pub fn newest_pending(entries: &[QueueEntry]) -> Option<&QueueEntry> {
    entries
        .iter()
        .filter(|it| it.state.is_pending() && !is_rolling_out(it))
        .max_by_key(|it| age_key(it))
}

/// The entry with the newest push, in any state.
pub fn newest(entries: &[QueueEntry]) -> Option<&QueueEntry> {
    entries.iter().max_by_key(|it| age_key(it))
}

/// The entries that no agent has to release any more, because `newest` takes their place.
pub fn overtaken<'a>(
    entries: &'a [QueueEntry],
    newest: &'a QueueEntry,
) -> impl Iterator<Item = &'a QueueEntry> {
    entries
        .iter()
        .filter(|it| it.state.is_pending() && !is_rolling_out(it))
        .filter(move |it| age_key(it) < age_key(newest))
}

/// The entry that takes the place of a pending one because it was reported later and is already released or being
/// released. A push may be stored late, after a newer one. A retried entry keeps its place.
pub fn released_after<'a>(
    entries: &'a [QueueEntry],
    pending: &QueueEntry,
) -> Option<&'a QueueEntry> {
    let is_released = |it: &&QueueEntry| {
        matches!(
            it.state,
            EntryState::RollingOut { .. } | EntryState::Done { .. }
        )
    };
    let is_newer = |it: &&QueueEntry| it.push.received_at > pending.push.received_at;
    let mut newer = entries.iter().filter(is_released).filter(is_newer);
    newer.find(|_| pending.retried.is_none())
}

/// Why `release`, which an agent has planned for an entry, must not be opened any more; none if it may. The entry must
/// name the release, and no newer push may be released.
pub fn against_rollout(entries: &[QueueEntry], id: &EntryId, release: ReleaseId) -> Option<String> {
    let names_it = |it: &&QueueEntry| {
        it.id == *id
            && matches!(&it.state, EntryState::RollingOut { release: named, .. } if *named == release)
    };
    let Some(entry) = entries.iter().find(names_it) else {
        return Some("the entry of the push no longer names the release".to_owned());
    };
    let newer = released_after(entries, entry)?;
    Some(format!("a newer push is released: {}", newer.id.short()))
}

/// Sorts entries by the time of their pushes, newest first.
pub fn newest_first(entries: &mut [impl Borrow<QueueEntry>]) {
    entries.sort_by(|one, other| age_key(other.borrow()).cmp(&age_key(one.borrow())));
}

/// The entries that have ended and are to be deleted: all but the newest [`MOST_ENDED`].
pub fn forgotten(entries: &[QueueEntry]) -> Vec<&QueueEntry> {
    let ended = entries.iter().filter(|it| !it.state.is_pending());
    let mut ended: Vec<_> = ended.collect();
    ended.sort_by_key(|it| std::cmp::Reverse((it.changed_at, &it.id)));
    ended.split_off(ended.len().min(MOST_ENDED))
}

fn is_rolling_out(entry: &QueueEntry) -> bool {
    matches!(entry.state, EntryState::RollingOut { .. })
}

/// A key by which entries sort from old to new. An entry is as new as its last
/// retry. Two pushes of the same moment have a fixed order, so that all agents
/// choose the same one.
fn age_key(entry: &QueueEntry) -> (jiff::Timestamp, &EntryId) {
    let received_at = entry.push.received_at;
    let retried_at = entry.retried.as_ref().map(|retry| retry.at);
    (retried_at.unwrap_or_default().max(received_at), &entry.id)
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::super::{Push, PushSource};
    use super::*;
    use crate::inventory::{Operator, ReleaseId, Retry, Target};

    fn entry(second: i64, state: EntryState) -> QueueEntry {
        let target = Target::new(
            "web".parse().expect("a name"),
            "qa".parse().expect("a name"),
        );
        let at = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second);
        let name = format!("d{second}");
        let push = Push::new("team/web", "develop", PushSource::Poll, &name, at).expect("a push");
        QueueEntry::new(&target, push).becomes(state, at)
    }

    fn waiting(second: i64) -> QueueEntry {
        entry(second, EntryState::Waiting { why: None })
    }

    #[test]
    fn the_newest_push_takes_the_place_of_the_others() {
        let release = ReleaseId(ulid::Ulid::nil());
        let rolling_out = EntryState::RollingOut {
            release,
            agent: "a".into(),
        };
        let entries = [
            waiting(2),
            entry(9, rolling_out),
            waiting(3),
            entry(1, EntryState::Offered),
            entry(8, EntryState::Done { release: None }),
        ];
        let newest = newest_pending(&entries).expect("an entry");
        assert_eq!(newest, &entries[2]);
        let overtaken: Vec<_> = overtaken(&entries, newest).collect();
        assert_eq!(overtaken, [&entries[0], &entries[3]]);
        assert_eq!(newest_pending(&entries[4..]), None);
        let mut sorted = entries.clone();
        newest_first(&mut sorted);
        let order = [1, 4, 2, 0, 3].map(|index: usize| entries[index].clone());
        assert_eq!(sorted, order);
    }

    #[test]
    fn a_push_that_is_stored_late_does_not_replace_a_newer_one() {
        let done = entry(5, EntryState::Done { release: None });
        let entries = [done.clone(), waiting(4), waiting(6)];
        assert_eq!(released_after(&entries, &entries[1]), Some(&done));
        assert_eq!(released_after(&entries, &entries[2]), None);
        let retried = QueueEntry {
            retried: Some(Retry {
                by: Operator {
                    name: "ana".into(),
                    host: "ops-1".into(),
                },
                at: Timestamp::UNIX_EPOCH,
            }),
            ..waiting(4)
        };
        assert_eq!(released_after(&entries, &retried), None);
    }

    #[test]
    fn only_the_release_that_an_entry_names_may_be_opened() {
        let (own, other) = (ReleaseId(ulid::Ulid(1)), ReleaseId(ulid::Ulid(2)));
        let rolling_out = |second| {
            let agent = "a".to_owned();
            let release = own;
            entry(second, EntryState::RollingOut { release, agent })
        };
        let entries = [waiting(1), rolling_out(2)];
        let against = |id: &EntryId, release| against_rollout(&entries, id, release);
        assert_eq!(against(&entries[1].id, own), None);
        assert!(against(&entries[1].id, other).is_some());
        assert!(against(&entries[0].id, own).is_some());
        let newer = [rolling_out(2), entry(3, EntryState::Done { release: None })];
        assert!(against_rollout(&newer, &newer[0].id, own).is_some());
    }

    #[test]
    fn a_retried_entry_takes_the_place_of_newer_pushes() {
        let retried = QueueEntry {
            retried: Some(Retry {
                by: Operator {
                    name: "ana".into(),
                    host: "ops-1".into(),
                },
                at: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(9),
            }),
            ..waiting(1)
        };
        let entries = [waiting(2), retried];
        assert_eq!(newest_pending(&entries), Some(&entries[1]));
    }

    #[test]
    fn only_old_entries_that_have_ended_are_forgotten() {
        let ended = |second| entry(second, EntryState::Done { release: None });
        let mut entries: Vec<_> = (0..25).map(ended).collect();
        entries.push(waiting(0));
        let forgotten: Vec<_> = forgotten(&entries).into_iter().cloned().collect();
        let mut expected: Vec<_> = (0..5).map(ended).collect();
        expected.reverse();
        assert_eq!(forgotten, expected);
    }
}
