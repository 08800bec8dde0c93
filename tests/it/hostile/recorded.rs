//! Journals that can be read but make no sense. In any order and with any content, the console
//! shows them sanitized and complete.

use greenroom::history::{Recorded, fate, once_live};
use greenroom::inventory::{FencingToken, LockHolder, LockRecord, Route, Slot, Tier};
use greenroom::release::{Definition, observed};
use proptest::prelude::*;
use serde_json::Value;

use super::{is_sanitized, runner, stores, values};
use crate::console::world::{PRODUCTION, now, plan, target};

/// A readable head and readable entries, in any order and number.
fn recorded() -> impl Strategy<Value = Recorded> {
    let all = values::entries();
    let count = all.len();
    let entry = (0..count).prop_flat_map(move |at| values::mutated(all[at].clone()));
    let entries = prop::collection::vec(entry, 0..20);
    (values::mutated(values::head()), entries).prop_filter_map(
        "a head that can be read",
        |(head, entries)| {
            let entries = entries
                .into_iter()
                .filter_map(|entry| serde_json::from_value(entry).ok());
            Some(Recorded {
                head: serde_json::from_value(head).ok()?,
                entries: entries.collect(),
            })
        },
    )
}

fn read<T: serde::de::DeserializeOwned>(value: Option<Value>) -> Option<T> {
    serde_json::from_value(value?).ok()
}

fn definition() -> Definition {
    plan(&target("web", PRODUCTION), Tier::Protected)
        .definition
        .clone()
}

#[test]
fn any_recorded_journal_is_shown_sanitized_and_complete() {
    let lock = prop::option::of(values::mutated(values::lock()));
    let route = prop::option::of(values::mutated(values::route()));
    let definition = definition();
    let run = runner(600).run(&(recorded(), lock, route), |(recorded, lock, route)| {
        let lock = read::<LockRecord>(lock).map(|record| LockHolder {
            record,
            token: FencingToken(i64::MAX),
            ttl_seconds: Some(i64::MAX),
        });
        let route = read::<Route>(route);
        let seen = observed(&recorded, &definition, lock.as_ref(), route.as_ref(), now());
        let is_closed = recorded.head.closed.is_some();
        let least = 1 + recorded.entries.len() + usize::from(is_closed);
        prop_assert!(
            seen.announcements.len() >= least,
            "{} of {least}",
            seen.announcements.len()
        );
        for said in &seen.announcements {
            prop_assert!(is_sanitized(&said.text), "{:?}", said.text);
        }
        prop_assert!(
            !(is_closed && seen.is_driven()),
            "an ended release has no driver"
        );
        let heads = [recorded.head.clone(), recorded.head];
        fate(&heads, &heads[0].to.1.digest);
        prop_assert!(once_live(&heads).len() <= 2);
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn the_values_before_mutation_are_valid() {
    let head = serde_json::from_value(values::head()).expect("a head");
    let entries = values::entries()
        .into_iter()
        .map(|entry| serde_json::from_value(entry).expect("an entry"));
    let recorded = Recorded {
        head,
        entries: entries.collect(),
    };
    assert_eq!(
        (&recorded.head.target, recorded.head.id),
        (&stores::target(), stores::release())
    );
    assert_eq!(recorded.entries.len(), 7);
    assert!(read::<LockRecord>(Some(values::lock())).is_some());
    assert!(read::<Route>(Some(values::route())).is_some());
    let entry: greenroom::inventory::Registration =
        read(Some(values::registration())).expect("an entry");
    assert_eq!(entry.slot, Slot::Blue);
    assert!(read::<greenroom::inventory::Hold>(Some(values::hold())).is_some());
}
