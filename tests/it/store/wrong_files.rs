//! Files of the store of one machine that do not exist, belong to another program, or cannot be written.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use futures_util::StreamExt;
use greenroom::adapters::sqlite::Database;
use greenroom::inventory::ReleaseId;
use greenroom::ports::kv::{Call, Kv};
use greenroom::ports::{
    Acquired, FailureKind, JournalReader, JournalWriter, LeaseState, Locks, RegistryReader, Result,
};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::time::{Instant, timeout};

use super::world::{World, entry, head, lock};

fn id(number: u128) -> ReleaseId {
    ReleaseId(number.into())
}

async fn opened(file: impl AsRef<Path>) -> Result<i64> {
    let call = Call {
        doing: "opening the store",
        until: Instant::now() + Duration::from_secs(5),
    };
    Database::new(file.as_ref()).revision(call).await
}

#[tokio::test]
async fn a_missing_store_is_read_as_empty() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("deep/er/greenroom.db");
    let world = World::in_file_at(&file);
    let seen = world.record().await;
    assert_eq!((seen.route, seen.lock), (None, None));
    let releases = world.reader.releases(&world.target, 9).await;
    assert!(releases.expect("read").is_empty());
    let said = world.reader.store().await.expect("an answer");
    assert!(said.contains("no file yet"), "{said}");
    let hints = world.reader.changes().await.expect("a stream");
    drop(hints);
    let left = std::fs::read_dir(directory.path()).expect("listed").count();
    assert_eq!(left, 0, "only looking makes nothing");
    let _lease = world.locked().await;
    assert!(file.is_file());
    let said = world.reader.store().await.expect("an answer");
    assert!(!said.contains("no file yet"), "{said}");
}

#[tokio::test]
async fn a_store_created_by_another_process_is_noticed() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("deep/er/greenroom.db");
    let here = World::in_file_at(&file);
    let mut hints = here.reader.changes().await.expect("a stream");
    let there = here.again();
    let lease = there.locked().await;
    let hint = timeout(Duration::from_secs(5), hints.next()).await;
    hint.expect("in time")
        .expect("an endless stream")
        .expect("a hint");
    let seen = here.record().await;
    assert_eq!(seen.lock.map(|lock| lock.token), Some(lease.fence.token));
    // Both write to the same file.
    let taken = here.locks.acquire(&here.target, &lock("two")).await;
    assert!(matches!(taken, Ok(Acquired::Taken(_))), "{taken:?}");
}

#[tokio::test]
async fn a_renewed_lease_is_not_reported_as_a_change() {
    let here = World::in_file().await;
    let mut there = here.again();
    there.forgetful(Duration::from_millis(900));
    let _lease = there.locked().await;
    let mut hints = here.reader.changes().await.expect("a stream");
    let hint = timeout(Duration::from_millis(1200), hints.next()).await;
    assert!(hint.is_err(), "{hint:?}");
}

#[tokio::test]
async fn a_holder_that_cannot_renew_is_told_before_others_can_take_the_lock() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("greenroom.db");
    let mut world = World::in_file_at(&file);
    world.forgetful(Duration::from_millis(1500));
    let mut lease = world.locked().await;
    // A writer that does not end blocks every renewal.
    let blocker = Connection::open(&file).expect("a connection");
    blocker.execute_batch("BEGIN IMMEDIATE").expect("begun");
    let lost = timeout(Duration::from_secs(5), lease.state.changed()).await;
    lost.expect("in time").expect("told");
    assert!(matches!(*lease.state.borrow(), LeaseState::Lost(_)));
    let left: i64 = blocker
        .query_row("SELECT max(expires_at_ms) FROM leases", [], |row| {
            row.get(0)
        })
        .expect("the row");
    assert!(
        left > jiff::Timestamp::now().as_millisecond(),
        "reported too late"
    );
}

#[tokio::test]
async fn many_writers_on_one_file_lose_nothing() {
    let world = World::in_file().await;
    let writing: Vec<_> = (0..4).map(|number| (number, world.again())).collect();
    let writing = writing.into_iter().map(|(number, mut world)| async move {
        let name = format!("service-{number}");
        world.target.service = name.parse().expect("a name");
        let lease = world.locked().await;
        let opened = head(&world.target, id(7));
        let opened = world.writer.head(&opened, &lease.fence).await;
        opened.expect("opened");
        for sequence in 1..=25 {
            let one = entry(sequence, None);
            let written = world
                .writer
                .append(&world.target, id(7), &one, &lease.fence);
            written.await.expect("written");
        }
        let read = world.reader.release(&world.target, id(7)).await;
        read.expect("read").expect("there").entries.len()
    });
    let tasks: Vec<_> = writing.map(tokio::spawn).collect();
    for task in tasks {
        assert_eq!(task.await.expect("a task"), 25);
    }
    let revision = world.record().await.revision;
    assert_eq!(revision, 4 * 27, "one revision for each change");
}

#[tokio::test]
async fn a_foreign_file_is_refused_and_left_unchanged() {
    let directory = tempfile::tempdir().expect("a directory");
    let text = directory.path().join("notes.txt");
    let content = "not a database ".repeat(100);
    std::fs::write(&text, &content).expect("written");
    let refused = opened(&text).await.expect_err("refused");
    assert_eq!(refused.kind, FailureKind::Garbled, "{refused}");
    assert!(refused.to_string().contains("notes.txt"), "{refused}");
    assert_eq!(std::fs::read_to_string(&text).expect("read"), content);

    let foreign = directory.path().join("other.db");
    let theirs = Connection::open(&foreign).expect("a connection");
    let songs = "CREATE TABLE songs (name)";
    theirs.execute_batch(songs).expect("made");
    let refused = opened(&foreign).await.expect_err("refused");
    assert_eq!(refused.kind, FailureKind::Conflict, "{refused}");

    let other = directory.path().join("other-version.db");
    drop(World::in_file_at(&other).locked().await);
    for (version, said) in [(1, "move the file away"), (3, "a newer Greenroom")] {
        let change = Connection::open(&other).expect("a connection");
        let sql = format!("PRAGMA user_version = {version}");
        change.execute_batch(&sql).expect("set");
        let refused = opened(&other).await.expect_err("refused");
        assert_eq!(refused.kind, FailureKind::Unsupported, "{refused}");
        assert!(refused.hint.contains(said), "{refused}");
    }
}

#[tokio::test]
async fn an_unwritable_path_is_reported() {
    for hopeless in [
        "/proc/greenroom/x.db",
        "/proc/greenroom.db",
        "/dev/null/x.db",
    ] {
        let world = World::in_file_at(Path::new(hopeless));
        let refused = world.locks.acquire(&world.target, &lock("one")).await;
        let refused = refused.expect_err("refused");
        assert_eq!(refused.kind, FailureKind::Denied, "{refused}");
        assert!(!refused.hint.is_empty(), "{refused}");
    }
}

/// A file system of one mebibyte, mounted until this is dropped.
struct Small(TempDir);

impl Small {
    fn mount() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(directory.path())
            .status()
            .expect("mount runs");
        assert!(
            mounted.success(),
            "this test mounts a tmpfs: run the tests by tests/run"
        );
        Self(directory)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_refuses_the_write_and_keeps_existing_data() {
    let small = Small::mount();
    let world = World::in_file_at(&small.0.path().join("greenroom.db"));
    let (fence, target) = (world.locked().await.fence, &world.target);
    let opens = async |number| world.writer.head(&head(target, id(number)), &fence).await;
    opens(1).await.expect("opened");
    let filler = vec![0_u8; 2 << 20];
    std::fs::write(small.0.path().join("filler"), filler).expect_err("full");

    let mut refused = None;
    for number in 2..200 {
        if let Err(failure) = opens(number).await {
            refused = Some(failure);
            break;
        }
    }
    let refused = refused.expect("a full disk refuses");
    assert_eq!(refused.kind, FailureKind::Rejected, "{refused}");
    assert!(refused.hint.contains("full"), "{refused}");
    let first = world.reader.release(target, id(1)).await;
    assert!(first.expect("read").is_some());
    std::fs::remove_file(small.0.path().join("filler")).expect("removed");
    opens(500).await.expect("room again");
}
