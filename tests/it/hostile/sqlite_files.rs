//! The store of one machine with rows that another program wrote.

use std::time::Duration;

use greenroom::adapters::sqlite::{SqlitePresence, Store};
use greenroom::inventory::StoredKey;
use greenroom::ports::{
    Acquired, FailureKind, JournalReader, Locks, PresenceStore, RegistryReader,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use rusqlite::{Connection, params};
use tempfile::TempDir;

use super::journals::{self, Journal};
use super::values::Bytes;
use super::{is_sanitized, runner, stores, values, waiting};

const LONG: Duration = Duration::from_secs(30);

/// A store, and a raw connection to its file.
struct Place {
    _directory: TempDir,
    store: Store,
    vandal: Connection,
}

async fn place() -> Place {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("greenroom.db");
    let store = Store::open(&file, LONG, LONG / 3).await.expect("a store");
    // The first write creates the file.
    let leaving = SqlitePresence::new(&store);
    let watcher = crate::support::presence::watcher("ana");
    leaving
        .show(&stores::target(), &watcher)
        .await
        .expect("written");
    leaving.leave().await.expect("written");
    let vandal = Connection::open(&file).expect("a connection");
    vandal
        .execute_batch("PRAGMA synchronous = OFF")
        .expect("faster");
    Place {
        _directory: directory,
        store,
        vandal,
    }
}

impl Place {
    fn run(&self, sql: &str, parameters: impl rusqlite::Params) {
        self.vandal.execute(sql, parameters).expect(sql);
    }

    fn set(&self, key: &str, value: &str) {
        self.run("DELETE FROM registry", []);
        self.run(
            "INSERT INTO registry VALUES ('web/production', ?1, ?2, 9)",
            params![key, value],
        );
    }

    fn journal(&self, journal: &Journal) {
        let release = values::RELEASE;
        self.run("DELETE FROM releases", []);
        self.run("DELETE FROM entries", []);
        self.run(
            "INSERT INTO releases VALUES ('web/production', ?1, ?2)",
            params![release, text(&journal.head.0)],
        );
        for (number, entry) in &journal.entries {
            self.run(
                "INSERT INTO entries VALUES ('web/production', ?1, ?2, ?3)",
                params![release, number, text(&entry.0)],
            );
        }
    }
}

/// A strict column accepts only text.
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
            let record = place
                .store
                .read(&target)
                .await
                .expect("one key hides no other");
            stores::judge_key(&key, stored.as_bytes(), &record);
            stores::judge_lines(&place.store.keys(&target).await.expect("listed"));
            Ok::<_, TestCaseError>(())
        })
    });
    run.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_lock_is_readable_or_unreadable_and_never_free() {
    let runtime = waiting();
    let place = runtime.block_on(place());
    // From now, in milliseconds. A lock is believed only up to the longest lease.
    let longest = 600_000;
    let expiry = prop_oneof![
        Just(i64::MAX),
        Just(i64::MIN),
        any::<i64>(),
        30_000..longest,
    ];
    let token = any::<i64>();
    let run = runner(200).run(
        &(values::bytes(values::lock()), token, expiry),
        |(stored, token, expiry)| {
            let stored = text(&stored.0);
            let now = jiff::Timestamp::now().as_millisecond();
            let expiry = now.saturating_add(expiry);
            place.run("DELETE FROM locks", []);
            place.run(
                "INSERT INTO locks VALUES ('web/production', ?1, ?2, ?3)",
                params![token, stored, expiry],
            );
            let is_live = expiry > now && expiry <= now + longest;
            runtime.block_on(async {
                let target = stores::target();
                let record = place
                    .store
                    .read(&target)
                    .await
                    .expect("one key hides no other");
                if is_live {
                    stores::judge_key("lock", stored.as_bytes(), &record);
                } else {
                    prop_assert_eq!(&record.lock, &None, "its lease is over");
                    let mut problems = record.problems.values();
                    let is_said =
                        problems.any(|said| said.contains("No driver can set a time so far ahead"));
                    prop_assert_eq!(is_said, expiry > now, "{:?}", record.problems);
                }
                stores::judge_lines(&place.store.keys(&target).await.expect("listed"));
                let ours = serde_json::from_value(values::lock()).expect("a record");
                match place.store.acquire(&target, &ours).await {
                    Ok(Acquired::Held(_)) => prop_assert!(!is_live, "it was held"),
                    Ok(Acquired::Taken(holder)) => {
                        prop_assert_eq!(holder.token.0, token);
                    }
                    Err(failure) => {
                        prop_assert_eq!(failure.kind, FailureKind::Garbled);
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
            let read = JournalReader::release(&place.store, &target, stores::release()).await;
            stores::judge_release(&journal, read);
            let mut newest = place
                .store
                .current(std::slice::from_ref(&target))
                .await
                .expect("read");
            let newest = newest.remove(&target).expect("there is one");
            let listed = place.store.releases(&target, 10).await;
            let listed = listed.expect("an unreadable head hides no other");
            let unreadable = place.store.unreadable(&target, 10).await.expect("listed");
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
        let read = JournalReader::release(&place.store, &target, stores::release()).await;
        let failure = read.expect_err(words);
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(failure.to_string().contains(words), "{words}: {failure}");
    }
}

#[tokio::test]
async fn a_lock_beyond_the_longest_lease_is_reported_and_can_be_taken() {
    let place = place().await;
    let target = stores::target();
    let far = i64::MAX / 2;
    let record = values::lock().to_string();
    place.run(
        "INSERT INTO locks VALUES ('web/production', 7, ?1, ?2)",
        params![record, far],
    );
    let read = RegistryReader::read(&place.store, &target);
    let seen = read.await.expect("a record");
    assert_eq!(seen.lock, None);
    let (key, said) = seen.problems.iter().next().expect("it is reported");
    assert!(!StoredKey::of(&target, key).stops_promote(), "{key}");
    assert!(said.contains("the next driver takes it over"), "{said}");
    let ours = serde_json::from_value(values::lock()).expect("a record");
    let taken = place
        .store
        .acquire(&target, &ours)
        .await
        .expect("an answer");
    let Acquired::Held(lease) = taken else {
        panic!("{taken:?}");
    };
    let held = Locks::holds(&place.store, &target, &lease.fence).await;
    assert!(held.expect("read"));
    let read = RegistryReader::read(&place.store, &target);
    let seen = read.await.expect("a record");
    assert!(seen.problems.is_empty(), "{:?}", seen.problems);
}

#[tokio::test]
async fn the_highest_revision_is_refused_with_the_file_and_a_command() {
    let place = place().await;
    let target = stores::target();
    place.run("UPDATE revision SET value = ?1", [i64::MAX]);
    let ours = serde_json::from_value(values::lock()).expect("a record");
    let refused = place.store.acquire(&target, &ours).await;
    let said = refused.expect_err("no revision is left").to_string();
    assert!(said.contains(&i64::MAX.to_string()), "{said}");
    let command = said.split_once("sqlite3 ").expect("a command").1;
    assert!(command.contains("greenroom.db"), "{said}");
    let (_, sql) = command.split_once('"').expect("a statement");
    let (sql, _) = sql.split_once('"').expect("a statement");
    place.run(sql, []);
    let taken = place.store.acquire(&target, &ours).await;
    assert!(matches!(taken, Ok(Acquired::Held(_))), "{taken:?}");
}

#[tokio::test]
async fn an_oversized_value_hides_nothing_else() {
    let place = place().await;
    let target = stores::target();
    place.set("note", &"x".repeat(5 * 1024 * 1024));
    let read = RegistryReader::read(&place.store, &target);
    let seen = read.await.expect("one key hides no other");
    assert_eq!(seen.problems.len(), 1, "{:?}", seen.problems);
    let lines = place.store.keys(&target).await.expect("listed");
    let shown: Vec<&str> = lines.iter().map(|line| line.value.as_str()).collect();
    assert_eq!(shown, ["(not read: Greenroom does not know this key)"]);

    place.set("hold", &"x".repeat(5 * 1024 * 1024));
    let read = RegistryReader::read(&place.store, &target);
    let seen = read.await.expect("one key hides no other");
    assert_eq!(seen.problems.len(), 1, "{:?}", seen.problems);
    let lines = place.store.keys(&target).await.expect("listed");
    assert!(lines[0].value.contains("5242880 bytes"), "{lines:?}");
}
