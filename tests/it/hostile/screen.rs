//! Foreign text on every page of the console: a terminal gets only characters, positions and
//! styles.

use std::sync::Arc;

use crossterm::event::KeyCode;
use greenroom::console::Model;
use greenroom::console::event::{Event, Input};
use greenroom::history::Recorded;
use greenroom::inventory::{FencingToken, KeyLine, LockHolder, Revisioned, Snapshot, Tier};
use greenroom::release::{Releases, observed};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{runner, values};
use crate::console::hostile_text::{controls, drawn};
use crate::console::world::{
    PRODUCTION, later, model, now, plan, press, press_key, target, tell, web_production,
    with_candidate, world,
};

/// A valid value in which only the texts are replaced, so that it can still be read.
fn reworded(valid: Value) -> impl Strategy<Value = Value> {
    (prop::collection::vec(values::words(), 1..6), any::<u64>()).prop_map(move |(words, which)| {
        let mut value = valid.clone();
        let mut counter = which;
        reword(&mut value, &words, &mut counter);
        value
    })
}

/// The fields that may contain any text.
const FREE: [&str; 15] = [
    "tag",
    "instance",
    "console",
    "message",
    "name",
    "host",
    "reason",
    "note",
    "choice",
    "detail",
    "failure",
    "undo",
    "repository",
    "calls",
    "created",
];

fn reword(value: &mut Value, words: &[String], counter: &mut u64) {
    let entries = match value {
        Value::Object(entries) => entries,
        Value::Array(items) => {
            return items
                .iter_mut()
                .for_each(|item| reword(item, words, counter));
        }
        _ => return,
    };
    for (key, value) in entries {
        *counter = counter.rotate_left(3).wrapping_add(1);
        let word = &words[usize::try_from(*counter % words.len() as u64).unwrap_or(0)];
        match value {
            Value::String(_) if FREE.contains(&key.as_str()) && !counter.is_multiple_of(3) => {
                *value = Value::from(word.as_str());
            }
            Value::Array(items) if key == "calls" => items.push(Value::from(word.as_str())),
            other => reword(other, words, counter),
        }
    }
}

fn read<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("only its words are others")
}

/// A snapshot of the content of a store.
fn stored() -> impl Strategy<Value = Snapshot> {
    let parts = (
        reworded(values::registration()),
        reworded(values::route()),
        reworded(values::lock()),
        reworded(values::hold()),
        (any::<i64>(), any::<i64>()),
    );
    parts.prop_map(|(registration, route, lock, hold, (revision, left))| {
        let mut snapshot = with_candidate(web_production());
        let line = |name: &str, value: &Value| KeyLine {
            key: format!("/greenroom/v1/targets/web/production/{name}"),
            // As every store does with it.
            value: greenroom::sanitize::sanitize(&value.to_string()),
            revision,
            ttl_seconds: Some(left),
        };
        snapshot.keys = vec![
            line("slots/blue", &registration),
            line("route", &route),
            line("lock", &lock),
            line("hold", &hold),
        ];
        snapshot.slots.blue.registration = Some(Revisioned {
            value: read(registration),
            revision,
        });
        snapshot.route = Some(Revisioned {
            value: read(route),
            revision,
        });
        snapshot.lock = Some(LockHolder {
            record: read(lock),
            token: FencingToken(left),
            ttl_seconds: Some(left),
        });
        snapshot.hold = Some(read(hold));
        snapshot
    })
}

fn recorded() -> impl Strategy<Value = Recorded> {
    let entries: Vec<_> = values::entries().into_iter().map(reworded).collect();
    (reworded(values::head()), entries, 0_usize..8, any::<bool>()).prop_map(
        |(mut head, mut entries, count, is_open)| {
            if is_open {
                head["closed"] = Value::Null;
            }
            entries.truncate(count);
            Recorded {
                head: read(head),
                entries: entries.into_iter().map(read).collect(),
            }
        },
    )
}

fn model_of(snapshot: Snapshot, recorded: &Recorded) -> Model {
    let here = target("web", PRODUCTION);
    let definition = plan(&here, Tier::Protected).definition.clone();
    let route = snapshot.route.as_ref().map(|route| &route.value);
    let seen = observed(recorded, &definition, snapshot.lock.as_ref(), route, now());
    let mut model = model((118, 34), snapshot);
    let releases = Releases::from([(here, Arc::new(seen))]);
    tell(&mut model, Event::ReleasesObserved(Arc::new(releases)));
    model
}

#[test]
fn no_text_of_a_store_or_a_journal_controls_the_terminal() {
    let size = (10_u16..140, 5_u16..50);
    let run = runner(24).run(
        &(stored(), recorded(), size),
        |(snapshot, recorded, size)| {
            let mut model = model_of(snapshot.clone(), &recorded);
            tell(&mut model, Event::Input(Input::Resized(size.0, size.1)));
            for keys in ["", "1", "2", "3", "4", "5", "o", "?"] {
                press(&mut model, keys);
                prop_assert_eq!(controls(&drawn(&model)), [""; 0], "pane {}", keys);
                press_key(&mut model, KeyCode::Enter);
                prop_assert_eq!(
                    controls(&drawn(&model)),
                    [""; 0],
                    "what Enter shows on {}",
                    keys
                );
                press_key(&mut model, KeyCode::Esc);
            }
            for keys in ["W", "P", "R", "X", "S"] {
                press(&mut model, keys);
                prop_assert_eq!(controls(&drawn(&model)), [""; 0], "what {} asks", keys);
                press_key(&mut model, KeyCode::Esc);
            }
            // Much later, when every countdown has ended.
            greenroom::console::update::update(&mut model, Event::Ticked, later(400_000));
            tell(&mut model, Event::WorldObserved(Arc::new(world(snapshot))));
            prop_assert_eq!(controls(&drawn(&model)), [""; 0], "later");
            Ok(())
        },
    );
    run.unwrap_or_else(|error| panic!("{error}"));
}
