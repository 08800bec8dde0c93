//! The store of one machine with pairs that another program wrote.

use greenroom::ports::{Acquired, FailureKind, JournalReader, Locks, RegistryReader};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use rusqlite::params;
use tempfile::TempDir;

use super::journals::{self, Journal};
use super::values::Bytes;
use super::{is_sanitized, runner, stores, values, waiting};
use crate::store::world::World;
use crate::support::pairs::Pairs;

const TARGET: &str = "targets/web/production";

/// A store, and a raw connection to its file.
struct Place {
    _directory: TempDir,
    world: World,
    vandal: Pairs,
}

async fn place() -> Place {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("greenroom.db");
    let world = World::in_file_at(&file);
    // The first write creates the file.
    let lease = world.locked().await;
    let released = world.locks.release(&world.target, &lease.fence).await;
    released.expect("written");
    let vandal = Pairs::of(&file);
    let faster = "PRAGMA synchronous = OFF";
    vandal.0.execute_batch(faster).expect("faster");
    Place {
        _directory: directory,
        world,
        vandal,
    }
}

impl Place {
    fn set(&self, key: &str, value: &str) {
        self.vandal.delete("*");
        self.vandal.put(format!("{TARGET}/{key}"), value);
    }

    fn journal(&self, journal: &Journal) {
        let release = values::RELEASE;
        self.vandal.delete("*");
        let head = text(&journal.head.0);
        self.vandal
            .put(format!("{TARGET}/releases/{release}"), head);
        for (number, entry) in &journal.entries {
            let key = format!("{TARGET}/steps/{release}/{number:04}");
            self.vandal.put(key, text(&entry.0));
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_key_is_read_correctly_or_its_error_is_shown() {
    let runtime = waiting();
    let place = runtime.block_on(place());
    let run = runner(400).run(&stores::key(), |(key, stored)| {
        let stored = text(&stored.0);
        place.set(&key, &stored);
        runtime.block_on(async {
            let target = stores::target();
            let read = place.world.reader.read_with_keys(&target).await;
            let (record, lines) = read.expect("one key hides no other");
            stores::judge_key(&key, stored.as_bytes(), &record);
            stores::judge_lines(&lines);
            Ok::<_, TestCaseError>(())
        })
    });
    run.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_lock_is_readable_or_unreadable_and_never_free() {
    let runtime = waiting();
    let _entered = runtime.enter();
    let place = runtime.block_on(place());
    // From now, in milliseconds. A lock counts only up to the longest lease.
    let longest = 600_000;
    let expiry = prop_oneof![
        Just(i64::MAX),
        Just(i64::MIN),
        any::<i64>(),
        30_000..longest,
    ];
    let revision = 1..i64::MAX;
    let run = runner(200).run(
        &(values::bytes(values::lock()), revision, expiry),
        |(stored, revision, expiry)| {
            let stored = text(&stored.0);
            let now = jiff::Timestamp::now().as_millisecond();
            let expiry = now.saturating_add(expiry);
            place.vandal.delete("*");
            place.vandal.run("DELETE FROM leases", []);
            let lease = "INSERT INTO leases VALUES (7, 30000, ?1)";
            place.vandal.run(lease, [expiry]);
            let lock = "INSERT INTO pairs VALUES (?1, ?2, ?3, 7)";
            let key = format!("{TARGET}/lock");
            place.vandal.run(lock, params![key, stored, revision]);
            let is_live = expiry > now && expiry <= now + longest;
            runtime.block_on(async {
                let target = stores::target();
                let read = place.world.reader.read_with_keys(&target).await;
                let (record, lines) = read.expect("one key hides no other");
                if is_live {
                    stores::judge_key("lock", stored.as_bytes(), &record);
                } else {
                    prop_assert_eq!(&record.lock, &None, "its lease is over");
                    let mut problems = record.problems.values();
                    let is_said =
                        problems.any(|said| said.contains("No driver can set a time so far ahead"));
                    prop_assert_eq!(is_said, expiry > now, "{:?}", record.problems);
                }
                stores::judge_lines(&lines);
                let ours = serde_json::from_value(values::lock()).expect("a record");
                match place.world.locks.acquire(&target, &ours).await {
                    // A lock with the same record is this console's own.
                    Ok(Acquired::Held(lease)) if is_live => {
                        prop_assert_eq!(lease.fence.token.0, revision);
                        prop_assert_eq!(record.lock.map(|lock| lock.record), Some(ours));
                    }
                    Ok(Acquired::Held(_)) => {}
                    Ok(Acquired::Taken(holder)) => {
                        prop_assert_eq!(holder.token.0, revision);
                        prop_assert!(is_live, "it is free");
                    }
                    Err(failure) => {
                        let kind = if stores::is_newer(stored.as_bytes()) {
                            FailureKind::Unsupported
                        } else {
                            FailureKind::Conflict
                        };
                        prop_assert_eq!(failure.kind, kind);
                        prop_assert!(is_live && is_sanitized(&failure.to_string()));
                    }
                }
                Ok(())
            })
        },
    );
    run.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_release_is_read_completely_or_refused() {
    let runtime = waiting();
    let place = runtime.block_on(place());
    let run = runner(400).run(&journals::journal(), |mut journal| {
        journal.head = Bytes(text(&journal.head.0).into_bytes());
        for (_, entry) in &mut journal.entries {
            *entry = Bytes(text(&entry.0).into_bytes());
        }
        place.journal(&journal);
        runtime.block_on(async {
            let target = stores::target();
            let read = place.world.reader.release(&target, stores::release()).await;
            stores::judge_release(&journal, read);
            let mut newest = place
                .world
                .reader
                .current(std::slice::from_ref(&target))
                .await
                .expect("read");
            let newest = newest.remove(&target).expect("there is one");
            let listed = place.world.reader.releases(&target, 10).await;
            let listed = listed.expect("an unreadable head hides no other");
            let unreadable = place
                .world
                .reader
                .unreadable(&target, 10)
                .await
                .expect("listed");
            match newest {
                Ok(head) => {
                    prop_assert_eq!(vec![head], listed);
                    prop_assert!(unreadable.is_empty(), "{:?}", unreadable);
                }
                Err(failure) => {
                    prop_assert_eq!(listed, vec![]);
                    let (id, why) = &unreadable[0];
                    prop_assert_eq!((*id, why.kind), (stores::release(), failure.kind));
                }
            }
            Ok(())
        })
    });
    run.unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test]
async fn unknown_values_are_refused_and_never_read_in_part() {
    let place = place().await;
    let target = stores::target();
    for (journal, kind, words) in journals::refused() {
        place.journal(&journal);
        let read = place.world.reader.release(&target, stores::release()).await;
        let failure = read.expect_err(words);
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(failure.to_string().contains(words), "{words}: {failure}");
    }
}

#[tokio::test]
async fn the_highest_revision_is_refused_with_the_file_and_a_command() {
    let place = place().await;
    let target = stores::target();
    let highest = "UPDATE revision SET value = ?1";
    place.vandal.run(highest, [i64::MAX]);
    let ours = serde_json::from_value(values::lock()).expect("a record");
    let refused = place.world.locks.acquire(&target, &ours).await;
    let said = refused.expect_err("no revision is left").to_string();
    assert!(said.contains(&i64::MAX.to_string()), "{said}");
    let command = said.split_once("sqlite3 ").expect("a command").1;
    assert!(command.contains("greenroom.db"), "{said}");
    let (_, sql) = command.split_once('"').expect("a statement");
    let (sql, _) = sql.split_once('"').expect("a statement");
    place.vandal.run(sql, []);
    let taken = place.world.locks.acquire(&target, &ours).await;
    assert!(matches!(taken, Ok(Acquired::Held(_))), "{taken:?}");
}

#[tokio::test]
async fn an_oversized_value_hides_nothing_else() {
    let place = place().await;
    let target = stores::target();
    for name in ["note", "hold"] {
        place.set(name, &"x".repeat(5 * 1024 * 1024));
        let read = place.world.reader.read_with_keys(&target).await;
        let (seen, lines) = read.expect("one key hides no other");
        assert_eq!(seen.problems.len(), 1, "{:?}", seen.problems);
        assert!(lines[0].value.contains("5242880 bytes"), "{lines:?}");
    }
}
