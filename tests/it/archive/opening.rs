//! Which files are accepted as an archive, and several processes with one archive.

use greenroom::adapters::archive::Archive;
use greenroom::history::Filter;
use greenroom::ports::{ArchiveReader, ArchiveWriter, FailureKind};
use rusqlite::Connection;

use super::samples::{archive, done};

#[tokio::test]
async fn archived_releases_are_there_after_reopening() {
    let (_place, archive) = archive().await;
    archive.keep(vec![done(1)]).await.expect("kept");
    let path = archive.path().to_owned();
    drop(archive);
    let again = Archive::open(path).await.expect("an archive");
    let all = again.list(&Filter::default(), None, 10).await;
    assert_eq!(all.expect("a list").len(), 1);
}

#[tokio::test]
async fn two_processes_write_one_archive_at_the_same_time() {
    let (_place, one) = archive().await;
    let other = Archive::open(one.path()).await.expect("an archive");
    let keeping = (0..20).map(|minute| {
        let archive = if minute % 2 == 0 { &one } else { &other };
        // Both have archived some of the same releases.
        archive.keep(vec![done(minute), done(minute / 2)])
    });
    for kept in futures_util::future::join_all(keeping).await {
        kept.expect("kept");
    }
    let all = one
        .list(&Filter::default(), None, 100)
        .await
        .expect("a list");
    assert_eq!(all.len(), 20);
    assert!(all.iter().all(|listed| listed.differences == 0));
}

#[tokio::test]
async fn without_a_file_the_archive_is_in_memory() {
    let archive = Archive::in_memory().await.expect("an archive");
    archive.keep(vec![done(1)]).await.expect("kept");
    let found = archive.release(done(1).head.id).await.expect("read");
    assert!(found.is_some());
}

#[tokio::test]
async fn a_foreign_newer_or_invalid_database_is_left_unchanged() {
    let place = tempfile::tempdir().expect("a directory");
    let foreign = place.path().join("foreign.db");
    let sql = Connection::open(&foreign).expect("a database");
    sql.execute_batch("CREATE TABLE songs (name TEXT)")
        .expect("a table");
    let newer = place.path().join("newer.db");
    drop(Archive::open(&newer).await.expect("an archive"));
    let sql = Connection::open(&newer).expect("a database");
    sql.pragma_update(None, "user_version", 99)
        .expect("a version");
    let older = place.path().join("older.db");
    drop(Archive::open(&older).await.expect("an archive"));
    let sql = Connection::open(&older).expect("a database");
    sql.pragma_update(None, "user_version", 4)
        .expect("a version");
    let text = place.path().join("text.db");
    std::fs::write(
        &text,
        "not a database at all, but long enough to be one".repeat(30),
    )
    .expect("a file");
    for (path, kind, says) in [
        (
            &foreign,
            FailureKind::Conflict,
            "not an archive of Greenroom",
        ),
        (&newer, FailureKind::Unsupported, "has schema 99"),
        (&older, FailureKind::Unsupported, "has schema 4"),
        (&text, FailureKind::Garbled, "not a database"),
    ] {
        let failure = Archive::open(path).await.expect_err("refused");
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(failure.to_string().contains(says), "{failure}");
        assert!(!failure.hint.is_empty(), "{failure}");
    }
    let bytes = std::fs::read(&text).expect("the file");
    assert!(bytes.starts_with(b"not a database"));
}

#[tokio::test]
async fn a_damaged_head_is_reported() {
    let (_place, archive) = archive().await;
    archive.keep(vec![done(1), done(2)]).await.expect("kept");
    let sql = Connection::open(archive.path()).expect("the database");
    sql.execute(
        "UPDATE heads SET head = '{' WHERE number = (SELECT min(number) FROM heads)",
        [],
    )
    .expect("damaged");
    let failure = archive
        .list(&Filter::default(), None, 10)
        .await
        .expect_err("damaged");
    assert_eq!(failure.kind, FailureKind::Garbled);
    let whole = archive.release(done(2).head.id).await.expect("read");
    assert!(whole.is_some());
}

#[tokio::test]
async fn an_archive_with_a_view_instead_of_a_table_is_refused() {
    let place = tempfile::tempdir().expect("a directory");
    let endless = "AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)";
    let changes = [
        (
            format!(
                "DROP TABLE releases; CREATE VIEW releases {endless} SELECT x AS number, x AS id FROM n;"
            ),
            "the database has a view \"releases\"",
        ),
        (
            "CREATE TRIGGER t AFTER INSERT ON heads BEGIN DELETE FROM seen; END;".to_owned(),
            "the database has a trigger \"t\"",
        ),
        (
            "DROP TABLE seen;".to_owned(),
            "the database has no table seen",
        ),
    ];
    for (number, (change, says)) in changes.iter().enumerate() {
        let path = place.path().join(format!("{number}.db"));
        drop(Archive::open(&path).await.expect("an archive"));
        let sql = Connection::open(&path).expect("the database");
        sql.execute_batch(change).expect("changed");
        drop(sql);
        for failure in [
            Archive::open(&path).await.expect_err("refused"),
            Archive::try_out(&path).await.expect_err("refused"),
        ] {
            assert_eq!(failure.kind, FailureKind::Conflict, "{failure}");
            assert!(failure.to_string().contains(says), "{failure}");
            assert!(failure.hint.contains("move the file away"), "{failure}");
        }
    }
}
