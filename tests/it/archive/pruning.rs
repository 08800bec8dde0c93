//! Pruning: the oldest first, never a protected release, also on a full disk, and for good.

use std::time::Duration;

use greenroom::adapters::archive::Archive;
use greenroom::history::{
    Filter, KeptLog, LogOwner, Outcome, OutputLog, Pruning, Recorded, Retention, WrittenBy,
    WrittenLine,
};
use greenroom::inventory::{ReleaseId, TaskCall};
use greenroom::ports::{ArchiveReader, ArchiveWriter, FailureKind};
use jiff::Timestamp;
use rusqlite::Connection;

use super::samples::{START, archive, backed_out, done, ended, open, target};
use crate::support::disk::Disk;

fn line(text: String) -> WrittenLine {
    WrittenLine {
        at: None,
        by: WrittenBy::Out,
        text,
    }
}

/// A log that compression hardly shrinks.
fn noisy(seed: u64, lines: u64) -> KeptLog {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut word = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        format!("{state:016x}")
    };
    let log = OutputLog {
        first: (0..lines)
            .map(|_| line((0..8).map(|_| word()).collect()))
            .collect(),
        ..OutputLog::default()
    };
    KeptLog {
        owner: LogOwner::Candidate,
        log,
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(START + 365 * 86_400).expect("a time")
}

async fn ids(archive: &Archive) -> Vec<String> {
    let listed = archive.list(&Filter::default(), None, 1000).await;
    let listed = listed.expect("a list");
    listed.iter().map(|one| one.head.id.to_string()).collect()
}

fn named(releases: &[Recorded]) -> Vec<String> {
    releases.iter().map(|one| one.head.id.to_string()).collect()
}

async fn prune(archive: &Archive, retention: &Retention) -> Pruning {
    let pruning = archive.prunable(retention, now()).await.expect("looked");
    archive.prune(&pruning).await.expect("forgotten");
    pruning
}

#[tokio::test]
async fn a_pruned_release_is_gone_everywhere_and_is_not_read_again() {
    let (_place, archive) = archive().await;
    let all = [
        done(1),
        backed_out(2, "slow orders"),
        done(3),
        backed_out(4, "slow basket"),
    ];
    archive.keep(all.to_vec()).await.expect("kept");
    for release in &all {
        let log = noisy(7, 3);
        archive.keep_log(release.head.id, &log).await.expect("kept");
    }
    let retention = Retention {
        keep_last: Some(1),
        ..Retention::default()
    };
    let looked = archive.prunable(&retention, now()).await.expect("looked");
    assert_eq!(looked.releases.len(), 2);
    assert_eq!(ids(&archive).await.len(), 4, "looking forgets nothing");

    prune(&archive, &retention).await;
    let left = [all[3].clone(), all[2].clone()];
    assert_eq!(ids(&archive).await, named(&left));
    let filter = Filter {
        words: vec!["slow".into()],
        ..Filter::default()
    };
    let found = archive.list(&filter, None, 10).await.expect("a list");
    assert_eq!(found.len(), 1, "its words are gone too");
    assert_eq!(archive.logs(all[0].head.id).await.expect("read"), []);
    assert_eq!(archive.logs(all[2].head.id).await.expect("read").len(), 1);

    // Reading the journal again, or a log that arrives late, does not restore it.
    archive.keep(all.to_vec()).await.expect("kept");
    archive
        .keep_log(all[0].head.id, &noisy(1, 1))
        .await
        .expect("kept");
    assert_eq!(ids(&archive).await, named(&left));
    assert_eq!(archive.logs(all[0].head.id).await.expect("read"), []);
    let asked: Vec<_> = all.iter().map(|one| one.head.id).collect();
    let forgotten = archive.forgotten(&asked).await.expect("read");
    assert_eq!(forgotten, [all[0].head.id, all[1].head.id].into());
}

#[tokio::test]
async fn the_longer_of_two_logs_is_kept() {
    let (_place, archive) = archive().await;
    let id = done(1).head.id;
    archive.keep_log(id, &noisy(1, 20)).await.expect("kept");
    archive.keep_log(id, &noisy(2, 10)).await.expect("kept");
    assert_eq!(archive.logs(id).await.expect("read"), [noisy(1, 20)]);
    archive.keep_log(id, &noisy(3, 30)).await.expect("kept");
    assert_eq!(archive.logs(id).await.expect("read"), [noisy(3, 30)]);
}

#[tokio::test]
async fn each_program_of_a_release_has_its_log() {
    let (_place, archive) = archive().await;
    let id = done(1).head.id;
    let task = "migrate".parse().expect("a name");
    let of = |owner, second: i64| {
        let mut kept = noisy(1, 3);
        kept.owner = owner;
        kept.log.first[0].at = Some(Timestamp::from_second(second).expect("a time"));
        kept
    };
    let candidate = of(LogOwner::Candidate, 2);
    let forward = of(LogOwner::Task(TaskCall::forward(&task)), 1);
    let undo = of(LogOwner::Task(TaskCall::undo(&task)), 3);
    for log in [&undo, &candidate, &forward] {
        archive.keep_log(id, log).await.expect("kept");
    }
    let in_order = [forward, candidate, undo];
    assert_eq!(archive.logs(id).await.expect("read"), in_order);
}

#[tokio::test]
async fn on_a_full_disk_the_oldest_are_pruned_and_the_last_good_one_stays() {
    let place = tempfile::tempdir().expect("a directory");
    let disk = Disk::mounted(place.path(), "24m");
    let path = place.path().join("archive.db");
    let archive = Archive::open(&path).await.expect("an archive");
    let of = |minute: u32| match minute {
        // A successful release between failed ones, the only one of another target, and one without
        // an end.
        5 => {
            let mut other = done(minute);
            other.head.target = target("wallets", "production");
            other
        }
        6 => open(minute),
        40 => done(minute),
        _ => ended(
            minute,
            Outcome::BackedOut {
                reason: "x".repeat(2000),
            },
        ),
    };
    let mut kept = 0;
    let failure = loop {
        let release = of(kept);
        let id = release.head.id;
        let keeping = async {
            archive.keep(vec![release]).await?;
            archive.keep_log(id, &noisy(u64::from(kept), 800)).await
        };
        match keeping.await {
            Ok(()) => kept += 1,
            Err(failure) => break failure,
        }
        assert!(kept < 2000, "the disk never was full");
    };
    assert!(kept > 50, "{kept}: {failure}");
    assert!(failure.to_string().contains("disk"), "{failure}");
    disk.fill();
    // A release that could not be kept has left no partial rows, and the rest can be read.
    let before = ids(&archive).await;
    assert!(before.len() >= kept as usize, "{} of {kept}", before.len());

    let retention = Retention {
        max_size: Some(1024 * 1024),
        ..Retention::default()
    };
    for _ in 0..5 {
        prune(&archive, &retention).await;
    }
    let left = ids(&archive).await;
    for minute in [5, 6, 40] {
        let id = of(minute).head.id.to_string();
        assert!(left.contains(&id), "{minute} is gone");
    }
    // The newest may be one whose log did not fit.
    assert_eq!(left[0], before[0], "the newest is gone");
    assert_eq!(archive.logs(of(40).head.id).await.expect("read").len(), 1);
    assert!(left.len() < before.len());
    let size = std::fs::metadata(&path).expect("the file").len();
    assert!(size < 4 * 1024 * 1024, "the file has still {size} bytes");
    // There is room again.
    let next = of(kept + 1);
    archive.keep(vec![next.clone()]).await.expect("room");
    assert!(ids(&archive).await.contains(&next.head.id.to_string()));
    drop(archive);
    let again = Archive::open(&path).await.expect("whole");
    assert_eq!(ids(&again).await.len(), left.len() + 1);
}

#[tokio::test]
async fn a_damaged_log_is_reported_and_hides_nothing_else() {
    let (_place, archive) = archive().await;
    let id = done(1).head.id;
    archive.keep(vec![done(1)]).await.expect("kept");
    archive.keep_log(id, &noisy(1, 5)).await.expect("kept");
    let sql = Connection::open(archive.path()).expect("the database");
    sql.execute("UPDATE logs SET log = x'00ff'", [])
        .expect("damaged");
    let failure = archive.logs(id).await.expect_err("damaged");
    assert_eq!(failure.kind, FailureKind::Garbled);
    assert!(archive.release(id).await.expect("read").is_some());
    let age = Retention {
        keep_for: Some(Duration::from_secs(1)),
        ..Retention::default()
    };
    assert!(
        archive
            .prunable(&age, now())
            .await
            .expect("looked")
            .is_nothing()
    );
}

#[tokio::test]
async fn a_log_without_a_release_is_pruned_after_a_week() {
    let (_place, archive) = archive().await;
    archive.keep(vec![done(1)]).await.expect("kept");
    let day = 24 * 60;
    let age = |days: i64| {
        let at = now().as_millisecond() - days * day * 60_000;
        let at = u64::try_from(at).expect("after 1970");
        ReleaseId(ulid::Ulid::from_parts(at, 1))
    };
    let logs = [done(1).head.id, age(8), age(6)];
    for id in logs {
        archive.keep_log(id, &noisy(1, 5)).await.expect("kept");
    }
    let pruning = prune(&archive, &Retention::default()).await;
    assert_eq!(pruning.orphans, [age(8)]);
    assert!(
        pruning.releases.is_empty() && pruning.bytes > 0,
        "{pruning:?}"
    );
    for (id, is_there) in logs.into_iter().zip([true, false, true]) {
        let logs = archive.logs(id).await.expect("read");
        assert_eq!(!logs.is_empty(), is_there, "{id}");
    }
    let again = prune(&archive, &Retention::default()).await;
    assert!(again.is_nothing(), "{again:?}");
}
