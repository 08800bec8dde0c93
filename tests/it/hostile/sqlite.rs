//! The store of one machine, with rows that something else wrote.

use std::time::Duration;

use greenroom::adapters::sqlite::{SqliteCompany, Store};
use greenroom::ports::{Company, FailureKind, JournalReader, Locks, RegistryReader};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use rusqlite::{Connection, params};
use tempfile::TempDir;

use super::journals::{self, Journal};
use super::values::Bytes;
use super::{is_harmless, runner, stores, values, waiting};

const LONG: Duration = Duration::from_secs(30);

/// A store, and a connection that keeps to no rule.
struct Place {
    _directory: TempDir,
    store: Store,
    vandal: Connection,
}

async fn place() -> Place {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("greenroom.db");
    let store = Store::open(&file, LONG, LONG / 3).await.expect("a store");
    // The first write makes the file.
    let leaving = SqliteCompany::new(&store);
    let watcher = crate::support::company::watcher("ana");
    leaving
        .here(&stores::target(), &watcher)
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

/// A strict column takes nothing but text.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_key_is_what_it_says_or_what_is_wrong_with_it_is_said() {
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
fn a_lock_is_somebodys_or_nobodys_to_read_and_never_free_for_it() {
    let runtime = waiting();
    let place = runtime.block_on(place());
    let expiry = prop_oneof![Just(i64::MAX), Just(i64::MIN), any::<i64>()];
    let token = any::<i64>();
    let run = runner(200).run(
        &(values::bytes(values::lock()), token, expiry),
        |(stored, token, expiry)| {
            let stored = text(&stored.0);
            place.run("DELETE FROM locks", []);
            place.run(
                "INSERT INTO locks VALUES ('web/production', ?1, ?2, ?3)",
                params![token, stored, expiry],
            );
            let stands = expiry > jiff::Timestamp::now().as_millisecond();
            runtime.block_on(async {
                let target = stores::target();
                let record = place
                    .store
                    .read(&target)
                    .await
                    .expect("one key hides no other");
                if stands {
                    stores::judge_key("lock", stored.as_bytes(), &record);
                } else {
                    prop_assert_eq!(&record.lock, &None, "its lease is over");
                }
                stores::judge_lines(&place.store.keys(&target).await.expect("listed"));
                let ours = serde_json::from_value(values::lock()).expect("a record");
                match place.store.acquire(&target, &ours).await {
                    Ok(greenroom::ports::Acquired::Held(_)) => prop_assert!(!stands, "it was held"),
                    Ok(greenroom::ports::Acquired::Taken(holder)) => {
                        prop_assert_eq!(holder.token.0, token);
                    }
                    Err(failure) => {
                        prop_assert_eq!(failure.kind, FailureKind::Garbled);
                        prop_assert!(stands && is_harmless(&failure.to_string()));
                    }
                }
                Ok(())
            })
        },
    );
    run.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_release_is_read_wholly_or_refused() {
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
async fn what_is_not_understood_is_refused_and_never_half_read() {
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
