//! What the archive keeps never shrinks or changes. It notes later differences next to it.

use greenroom::history::{Filter, Kept, Outcome, Recorded};
use greenroom::ports::{ArchiveReader, ArchiveWriter};

use super::samples::{archive, backed_out, done, intent, open};
use greenroom::adapters::archive::Archive;

async fn keep(archive: &Archive, release: &Recorded) -> Kept {
    archive.keep(vec![release.clone()]).await.expect("kept");
    let kept = archive.release(release.head.id).await.expect("read");
    kept.expect("it is there")
}

fn text(recorded: &Recorded) -> String {
    serde_json::to_string(recorded).expect("text")
}

#[tokio::test]
async fn keeping_the_same_again_changes_nothing() {
    let (_place, archive) = archive().await;
    let release = done(1);
    for _ in 0..2 {
        let kept = keep(&archive, &release).await;
        assert_eq!(text(&kept.recorded), text(&release));
        assert_eq!(kept.differences, []);
    }
    let all = archive.list(&Filter::default(), None, 10).await;
    assert_eq!(all.expect("a list").len(), 1);
}

#[tokio::test]
async fn a_release_grows_until_its_end_and_an_older_reading_removes_nothing() {
    let (_place, archive) = archive().await;
    let (before, after) = (open(1), backed_out(1, "verify failed"));
    keep(&archive, &before).await;
    let unfinished = archive.unfinished(&before.head.target).await;
    assert_eq!(unfinished.expect("read"), [before.head.id]);
    for read in [&after, &before] {
        let kept = keep(&archive, read).await;
        assert_eq!(text(&kept.recorded), text(&after));
        assert_eq!(kept.differences, []);
    }
    let unfinished = archive.unfinished(&before.head.target).await;
    assert_eq!(unfinished.expect("read"), []);
    let failed = Filter::parse("outcome:backed-out verify", after.head.opened_at);
    let found = archive.list(&failed.expect("a filter"), None, 10).await;
    assert_eq!(found.expect("a list").len(), 1);
}

#[tokio::test]
async fn a_later_change_in_the_store_is_noted_but_not_copied() {
    let (_place, archive) = archive().await;
    let release = done(1);
    keep(&archive, &release).await;
    let mut forged = release.clone();
    forged.head.reason = Some("nothing to see".into());
    forged.entries[0] = intent(
        1,
        release.head.opened_at + std::time::Duration::from_secs(9),
    );
    for _ in 0..2 {
        let kept = keep(&archive, &forged).await;
        assert_eq!(text(&kept.recorded), text(&release));
        let what: Vec<&str> = kept.differences.iter().map(|d| d.what.as_str()).collect();
        // Each difference is noted once, however often it is read.
        assert_eq!(what, ["entry 1", "head"]);
        assert!(kept.differences[1].found.contains("nothing to see"));
        assert!(kept.differences[1].kept.contains("fix basket rounding"));
    }
    let listed = archive
        .list(&Filter::default(), None, 10)
        .await
        .expect("a list");
    assert_eq!(listed[0].differences, 2);
    // A search does not find the changed text either.
    let filter = Filter::parse("nothing", release.head.opened_at).expect("a filter");
    assert_eq!(archive.list(&filter, None, 10).await.expect("a list"), []);
}

#[tokio::test]
async fn a_second_outcome_of_a_release_is_noted() {
    let (_place, archive) = archive().await;
    keep(&archive, &done(1)).await;
    let mut other = done(1);
    other.head.closed = backed_out(1, "verify failed").head.closed;
    let kept = keep(&archive, &other).await;
    assert_eq!(
        kept.recorded.head.closed.map(|(_, how)| how),
        Some(Outcome::Done)
    );
    assert_eq!(kept.differences.len(), 1);
}

#[tokio::test]
async fn releases_with_the_same_time_are_all_kept() {
    let (_place, archive) = archive().await;
    let mut all = Vec::new();
    for number in 0..5u128 {
        let mut release = done(1);
        let at = release.head.id.0.timestamp_ms();
        release.head.id.0 = ulid::Ulid::from_parts(at, number);
        all.push(release);
    }
    archive.keep(all.clone()).await.expect("kept");
    for release in &all {
        let kept = archive.release(release.head.id).await.expect("read");
        assert_eq!(text(&kept.expect("it is there").recorded), text(release));
    }
    assert_eq!(
        archive
            .list(&Filter::default(), None, 10)
            .await
            .expect("a list")
            .len(),
        5
    );
}

#[tokio::test]
async fn the_read_position_of_a_journal_never_goes_back() {
    let (_place, archive) = archive().await;
    let (early, late) = (done(1).head, done(2).head);
    let target = &early.target;
    assert_eq!(archive.seen_up_to(target).await.expect("read"), None);
    for id in [late.id, early.id] {
        archive.note_seen_up_to(target, id).await.expect("noted");
        assert_eq!(
            archive.seen_up_to(target).await.expect("read"),
            Some(late.id)
        );
    }
}
