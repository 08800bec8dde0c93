//! The contracts over SQLite files.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use greenroom::adapters::sqlite::Database;
use greenroom::inventory::Slot;
use greenroom::ports::FailureKind;
use greenroom::ports::kv::{Change, Committed, Kv, Range, Txn, Write};
use rusqlite::Connection;
use tempfile::TempDir;

use super::contract::{self, Place};
use super::every_contract;
use super::world::{Raw, World, call};
use crate::support::pairs::Pairs;

/// A file that does not exist yet.
#[derive(Debug)]
struct File {
    path: PathBuf,
    _directory: Option<TempDir>,
}

impl File {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        Self {
            path: directory.path().join("deep/er/greenroom.db"),
            _directory: Some(directory),
        }
    }

    fn pairs(&self) -> Pairs {
        Pairs::of(&self.path)
    }
}

impl Raw for File {
    fn open(&self) -> Arc<dyn Kv> {
        Arc::new(Database::new(&self.path))
    }

    fn put(&self, key: &[u8], value: &[u8]) {
        self.pairs().put(key, value);
    }

    fn delete(&self, key: &str) {
        self.pairs().delete(key);
    }

    fn get(&self, key: &str) -> String {
        self.pairs().get(key).unwrap_or_default()
    }

    fn brief(&self) -> Duration {
        Duration::from_secs(2)
    }
}

impl World {
    /// In a file that exists.
    pub(crate) async fn in_file() -> Self {
        let file = File::new();
        let world = Self::over(file.open(), Arc::new(file), &[]);
        let ttl = Duration::from_millis(1);
        world.kv.grant(call(), ttl).await.expect("a file");
        world
    }

    /// In this file, which need not exist.
    pub(crate) fn in_file_at(path: &Path) -> Self {
        let file = File {
            path: path.to_owned(),
            _directory: None,
        };
        Self::over(file.open(), Arc::new(file), &[])
    }
}

fn place() -> Place {
    let file = Arc::new(File::new());
    let (other, forgetful) = (Arc::clone(&file), Arc::clone(&file));
    Place {
        kv: file.open(),
        open: Box::new(move || other.open()),
        compact: Box::new(move |_| {
            let sql = "UPDATE revision SET value = value + 2000; DELETE FROM changes";
            forgetful.pairs().0.execute_batch(sql).expect("forgotten");
        }),
        _kept: Box::new(file),
    }
}

every_contract!(place(), World::in_file().await);

#[tokio::test]
async fn a_watch_of_forgotten_changes_says_so() {
    contract::a_watch_of_forgotten_changes_says_so(&place()).await;
}

#[tokio::test]
async fn a_store_that_hangs_is_reported_in_time() {
    let place = place();
    contract::a_transaction_changes_everything_or_nothing(&place).await;
    let hanging = (place.open)();
    let name = hanging.name().to_owned();
    let file = name.strip_prefix("sqlite at ").expect("a file");
    let blocker = Connection::open(file).expect("a connection");
    blocker.execute_batch("BEGIN IMMEDIATE").expect("begun");
    let end = async || blocker.execute_batch("ROLLBACK").expect("ended");
    let kind = FailureKind::Unreachable;
    contract::a_store_that_hangs_is_reported_in_time(&place, &hanging, kind, end).await;
}

/// Changes that remain above a lowered revision are not reported when the revision gets there again.
#[tokio::test]
async fn changes_above_a_lowered_revision_are_forgotten() {
    let file = File::new();
    let kv = file.open();
    let write = async |key: &str| {
        let txn = Txn {
            when: Vec::new(),
            then: vec![Write::put(key, "1")],
        };
        kv.commit(call(), &txn).await.expect("written")
    };
    for key in ["one", "two", "three"] {
        write(key).await;
    }
    let sql = "UPDATE revision SET value = 1";
    assert_eq!(file.pairs().run(sql, []), 1);
    assert_eq!(write("four").await, Committed::Done(2));
    let mut changes = kv.watch(call(), 3).await.expect("a watch");
    assert_eq!(write("five").await, Committed::Done(3));
    let change = changes.next().await.expect("a change").expect("no outage");
    let keys = vec![b"five".to_vec()];
    assert_eq!(change, Change::Changed { revision: 3, keys });
}

/// Values of any size and number below the keys of a target stop nothing.
#[tokio::test]
async fn large_foreign_values_make_no_read_fail() {
    let world = World::in_file().await;
    let lease = world.locked().await;
    world.registered(Slot::Blue, &lease.fence).await;
    let large = "x".repeat(2 << 20);
    for number in 0..20 {
        world.put(&world.key(&format!("a/{number:02}")), &large);
    }
    world.put(&world.key("a/huge"), &"x".repeat(9 << 20));
    let record = world.record().await;
    assert!(record.lock.is_some() && record.slots.blue.is_some());
    assert_eq!(record.problems.len(), 21);
    let below = Range::below(&world.key(""));
    let read = world.kv.read(call(), &[below]).await.expect("read");
    let values = read.ranges.iter().flatten().map(|pair| pair.value.len());
    assert!(values.sum::<usize>() <= 32 << 20);
}
