//! Properties of every reading, for any content and for every kind of store.

use greenroom::history::{FORMAT, Recorded};
use greenroom::inventory::{
    KeyLine, LockRecord, Registration, RegistryRecord, ReleaseId, Route, Slot, Target, is_tag,
};
use greenroom::ports::{Failure, FailureKind};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::journals::Journal;
use super::values::Bytes;
use super::{is_sanitized, values};

/// Keys below a target, each with a valid value.
pub(super) fn keys() -> [(&'static str, Value); 5] {
    [
        ("slots/blue", values::registration()),
        // A valid entry of another slot.
        ("slots/green", values::registration()),
        ("route", values::route()),
        ("hold", values::hold()),
        ("queue/0123456789abcdef0123456789abcdef", values::queued()),
    ]
}

/// Possible content of one key below a target.
pub(super) fn key() -> impl Strategy<Value = (String, Bytes)> {
    (0..keys().len()).prop_flat_map(|index| {
        let (key, valid) = keys()[index].clone();
        (Just(key.to_owned()), values::bytes(valid))
    })
}

pub(super) fn target() -> Target {
    Target::new(
        "web".parse().expect("a name"),
        "production".parse().expect("a name"),
    )
}

pub(super) fn release() -> ReleaseId {
    values::RELEASE.parse().expect("an id")
}

/// The field that every record has.
#[derive(serde::Deserialize)]
struct Format {
    format: u64,
}

pub(super) fn is_newer(record: &[u8]) -> bool {
    says::<Format>(record).is_some_and(|it| it.format > u64::from(FORMAT))
}

/// The meaning of a value according to the parser alone.
fn says<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

/// Judges one key of a target: it was read correctly, or its error is shown.
pub(super) fn judge_key(key: &str, stored: &[u8], record: &RegistryRecord) {
    let problem = record.problems.iter().find(|(name, _)| name.ends_with(key));
    let slot = key
        .strip_prefix("slots/")
        .map(|slot| slot.parse().expect("a slot"));
    let is_read = match (key, slot) {
        (_, Some(slot)) => registered(stored, record, slot),
        ("route", _) => {
            let read = record.route.as_ref().map(|route| &route.value);
            assert_eq!(
                read.cloned(),
                says::<Route>(stored).filter(|_| read.is_some())
            );
            read.is_some()
        }
        ("hold", _) => record.hold.is_some(),
        (key, _) if key.starts_with("queue/") => {
            for entry in &record.queue {
                assert!(key.ends_with(entry.id.as_str()), "{entry:?}");
                assert_eq!(entry.target, target(), "an entry of another target");
                assert!(is_tag(&entry.push.tag), "{:?}", entry.push.tag);
            }
            !record.queue.is_empty()
        }
        ("lock", _) => {
            let read = record.lock.as_ref().map(|holder| &holder.record);
            assert_eq!(
                read.cloned(),
                says::<LockRecord>(stored).filter(|_| read.is_some())
            );
            read.is_some()
        }
        _ => panic!("no such key: {key}"),
    };
    assert_eq!(is_read, problem.is_none(), "{problem:?}");
    for (name, words) in &record.problems {
        assert!(
            is_sanitized(name) && is_sanitized(words),
            "{name}: {words:?}"
        );
        assert!(words.chars().count() < 600, "{} characters", words.len());
    }
}

fn registered(stored: &[u8], record: &RegistryRecord, slot: Slot) -> bool {
    let Some(entry) = record.slots.get(slot) else {
        return false;
    };
    assert_eq!(entry.value.slot, slot, "an entry of another slot");
    assert_eq!(Some(&entry.value), says::<Registration>(stored).as_ref());
    true
}

/// Judges the lines of keys as they are listed for people.
pub(super) fn judge_lines(lines: &[KeyLine]) {
    for line in lines {
        assert!(
            is_sanitized(&line.key) && is_sanitized(&line.value),
            "{line:?}"
        );
        assert!(line.value.chars().count() <= 4_001, "it is cut");
    }
}

/// Judges a release: it was read completely and in order, or refused with a sanitized error.
pub(super) fn judge_release(journal: &Journal, read: Result<Option<Recorded>, Failure>) {
    let failure = match read {
        Ok(Some(recorded)) => return whole(journal, &recorded),
        Ok(None) => panic!("it is there"),
        Err(failure) => failure,
    };
    let words = failure.to_string();
    assert!(is_sanitized(&words), "{words:?}");
    assert!(words.chars().count() < 1_000, "{} characters", words.len());
    let mut entries = journal.entries.iter().map(|(_, entry)| entry.0.as_slice());
    let says_newer = words.contains("a newer Greenroom wrote it (use the newer Greenroom)");
    match failure.kind {
        FailureKind::Unsupported => {
            assert!(
                is_newer(&journal.head.0) || entries.any(is_newer),
                "{words}"
            );
            assert!(says_newer, "{words}");
        }
        FailureKind::Garbled => assert!(!is_newer(&journal.head.0) && !says_newer, "{words}"),
        _ => panic!("{failure}"),
    }
}

fn whole(journal: &Journal, recorded: &Recorded) {
    let head = &recorded.head;
    assert!(head.format <= FORMAT, "a newer Greenroom's");
    assert_eq!((&head.target, head.id), (&target(), release()), "another's");
    let numbers: Vec<u32> = recorded
        .entries
        .iter()
        .map(|entry| entry.sequence)
        .collect();
    let last = journal.entries.last().map_or(0, |(number, _)| *number);
    assert_eq!(
        numbers,
        (1..=last).collect::<Vec<_>>(),
        "all of them, in order"
    );
    for ((_, stored), entry) in journal.entries.iter().zip(&recorded.entries) {
        assert_eq!(Some(entry), says(&stored.0).as_ref());
    }
}
