//! Journals in a store with one corrupt part, and journals that look valid and are not.

use greenroom::ports::FailureKind;
use proptest::prelude::*;
use serde_json::Value;

use super::values::{self, Bytes};

/// The content of a release's head and one of its entries; the other entries are valid.
#[derive(Debug, Clone)]
pub(super) struct Journal {
    pub(super) head: Bytes,
    /// By entry number.
    pub(super) entries: Vec<(u32, Bytes)>,
}

pub(super) fn journal() -> impl Strategy<Value = Journal> {
    let valid = valid().entries;
    let count = valid.len();
    let is_head = any::<bool>();
    (is_head, 0..count).prop_flat_map(move |(is_head, at)| {
        let valid = valid.clone();
        let wounded = if is_head {
            values::bytes(values::head()).boxed()
        } else {
            values::bytes(values::entries()[at].clone()).boxed()
        };
        (wounded, prop::bool::weighted(0.2)).prop_map(move |(wounded, is_lost)| {
            let mut journal = Journal {
                head: Bytes(values::head().to_string().into_bytes()),
                entries: valid.clone(),
            };
            match (is_head, is_lost) {
                (true, _) => journal.head = wounded,
                (false, true) => drop(journal.entries.remove(at)),
                (false, false) => journal.entries[at].1 = wounded,
            }
            journal
        })
    })
}

/// Journals that look valid and are refused, each with its kind and a part of the error. A kind of
/// event that only a newer version knows is not here: such an event is skipped where a release is
/// shown, and refused where one is resumed.
pub(super) fn refused() -> Vec<(Journal, FailureKind, &'static str)> {
    let (newer, garbled) = (FailureKind::Unsupported, FailureKind::Garbled);
    let with_head = |place: &str, value: Value| {
        let mut head = values::head();
        *head.pointer_mut(place).expect(place) = value;
        Journal {
            head: Bytes(head.to_string().into_bytes()),
            ..valid()
        }
    };
    let with_entry = |place: &str, value: Value| {
        let mut journal = valid();
        let mut entry = values::entries()[2].clone();
        *entry.pointer_mut(place).expect(place) = value;
        journal.entries[2].1 = Bytes(entry.to_string().into_bytes());
        journal
    };
    let mut changed = with_head("/format", 2.into());
    changed.head.0.splice(..1, *b"{\"kind\": {},");
    let mut without = valid();
    without.entries.remove(3);
    let mut doubled = valid();
    doubled.entries[4].1 = doubled.entries[3].1.clone();
    vec![
        (with_head("/format", 2.into()), newer, "has format 2"),
        (changed, newer, "has format 2"),
        (
            with_head("/target/service", "api".into()),
            garbled,
            "of api/production",
        ),
        (
            with_head("/id", "01JD4ZZZZZ0000000000000008".into()),
            garbled,
            "the record belongs to release 01JD4ZZZZZ0000000000000008",
        ),
        (
            with_head("/kind", "canary".into()),
            garbled,
            "unknown variant `canary`",
        ),
        (with_entry("/step", 7.into()), garbled, "invalid type"),
        (without, garbled, "entry 4 is missing"),
        (doubled, garbled, "is entry 4"),
    ]
}

fn valid() -> Journal {
    let entries = (1..).zip(values::entries());
    Journal {
        head: Bytes(values::head().to_string().into_bytes()),
        entries: entries
            .map(|(number, entry)| (number, Bytes(entry.to_string().into_bytes())))
            .collect(),
    }
}
