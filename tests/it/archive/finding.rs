//! What a filter finds, in which order, and by which index. The benchmark measures the time with
//! 100,000 releases; here the query plan shows that the time does not grow with them.

use greenroom::history::{Filter, Recorded};
use greenroom::ports::{ArchiveReader, ArchiveWriter};
use jiff::Timestamp;

use super::samples::{START, archive, backed_out, by, done, open, target, version};
use greenroom::adapters::archive::Archive;

/// Six releases, one minute apart, with the filters that find each.
fn six() -> Vec<Recorded> {
    let mut all = vec![
        done(0),
        backed_out(1, "verify failed: checkout said 500"),
        done(2),
        open(3),
        done(4),
        done(5),
    ];
    all[1].head.operator = by("ben");
    all[2].head.target = target("web", "qa");
    all[2].head.reason = Some("gr\u{fc}\u{df}e".into());
    all[4].head.target = target("web-shop", "production");
    all[5].head.to.1 = version("2.0.0-rc.1");
    all[5].head.reason = None;
    all
}

async fn six_kept() -> (tempfile::TempDir, Archive) {
    let (place, archive) = archive().await;
    archive.keep(six()).await.expect("kept");
    (place, archive)
}

fn now() -> Timestamp {
    Timestamp::from_second(START + 3600).expect("a time")
}

async fn found(archive: &Archive, typed: &str) -> Vec<usize> {
    let filter = Filter::parse(typed, now()).expect("a filter");
    let listed = archive.list(&filter, None, 100).await.expect("a list");
    let all = six();
    let index = |id| all.iter().position(|release| release.head.id == id);
    listed
        .iter()
        .map(|listed| index(listed.head.id).expect("one of them"))
        .collect()
}

#[tokio::test]
async fn a_filter_finds_what_matches_all_of_its_words_newest_first() {
    let (_place, archive) = six_kept().await;
    let digest = format!("version:{}", &version("2.0.0-rc.1").digest.as_str()[..20]);
    for (typed, wanted) in [
        ("", &[5, 4, 3, 2, 1, 0][..]),
        ("service:web", &[5, 3, 2, 1, 0]),
        ("service:web env:production", &[5, 3, 1, 0]),
        ("environment:qa", &[2]),
        ("version:1.9.0", &[4, 3, 2, 1, 0]),
        ("version:1.9", &[]),
        (&digest, &[5]),
        ("operator:ben", &[1]),
        ("operator:ben@ops-1", &[1]),
        ("operator:ben@ops-2", &[]),
        ("outcome:failed", &[1]),
        ("outcome:backed-out", &[1]),
        ("outcome:left", &[]),
        ("outcome:ok", &[5, 4, 2, 0]),
        ("outcome:open", &[3]),
        ("since:2026-11-21T00:02", &[5, 4, 3, 2]),
        ("until:2026-11-21T00:02", &[1, 0]),
        ("since:2026-11-21T00:01 until:2026-11-21T00:03", &[2, 1]),
        ("basket", &[4, 3, 1, 0]),
        ("bask", &[4, 3, 1, 0]),
        ("checkout 500", &[1]),
        ("checkout operator:ana", &[]),
        ("basket service:web", &[3, 1, 0]),
        ("basket outcome:ok env:production version:1.9.0", &[4, 0]),
        (
            "basket since:2026-11-21T00:01 until:2026-11-21T00:04",
            &[3, 1],
        ),
        ("GRÜSSE", &[]),
        ("gr\u{fc}\u{df}", &[2]),
        ("2.0.0-rc", &[5]),
        ("ben", &[1]),
    ] {
        assert_eq!(found(&archive, typed).await, wanted, "{typed:?}");
    }
}

#[tokio::test]
async fn special_characters_in_search_words_are_harmless() {
    let (_place, archive) = six_kept().await;
    for typed in [
        "\"",
        "*",
        "NEAR(",
        "basket\"",
        "(basket",
        "-basket",
        "text:\"basket",
        "^",
        "a:b",
        "{text}",
        "\0",
        "OR",
        "AND",
        "NOT",
        "'; DROP TABLE releases",
        "service:\" operator:* basket",
    ] {
        // The search may find nothing, but it never fails and loses no data.
        found(&archive, typed).await;
        assert_eq!(found(&archive, "").await.len(), 6, "{typed:?}");
    }
    assert_eq!(found(&archive, "basket\" *").await, [4, 3, 1, 0]);
}

#[tokio::test]
async fn the_next_page_starts_after_the_last_row() {
    let (_place, archive) = six_kept().await;
    for typed in ["", "basket", "service:web"] {
        let filter = Filter::parse(typed, now()).expect("a filter");
        let whole = archive.list(&filter, None, 100).await.expect("a list");
        let mut parts = Vec::new();
        loop {
            let before = parts
                .last()
                .map(|last: &greenroom::history::Listed| last.head.id);
            let part = archive.list(&filter, before, 2).await.expect("a list");
            if part.is_empty() {
                break;
            }
            parts.extend(part);
        }
        assert_eq!(parts, whole, "{typed:?}");
    }
}

#[tokio::test]
async fn a_release_is_found_by_the_start_or_end_of_its_id() {
    let (_place, archive) = six_kept().await;
    let id = six()[3].head.id;
    let text = id.to_string();
    for typed in [&text, &text[..10], &text[..10].to_lowercase(), &text[6..]] {
        assert_eq!(archive.named(typed, 5).await.expect("read"), [id]);
    }
    assert_eq!(archive.named(&text[..3], 9).await.expect("read").len(), 6);
    assert_eq!(archive.named("Z", 5).await.expect("read"), []);
    assert_eq!(archive.release(done(9).head.id).await.expect("read"), None);
}

#[tokio::test]
async fn every_filter_uses_an_index_in_display_order() {
    let (_place, archive) = six_kept().await;
    for (typed, by) in [
        ("service:web", "INDEX releases_by_service"),
        ("service:web environment:qa", "INDEX releases_by_target"),
        ("environment:qa", "INDEX releases_by_environment"),
        ("version:1.9.0", "INDEX releases_by_version"),
        ("operator:ana", "INDEX releases_by_operator"),
        ("outcome:failed", "INDEX releases_by_among"),
        ("outcome:left", "INDEX releases_by_standing"),
        ("since:yesterday", "INTEGER PRIMARY KEY (rowid>"),
        ("until:2026-11-20", "INTEGER PRIMARY KEY (rowid<"),
        ("basket", "VIRTUAL TABLE INDEX"),
        (
            "basket service:web operator:ana since:2026-11-20",
            "VIRTUAL TABLE INDEX",
        ),
    ] {
        let filter = Filter::parse(typed, now()).expect("a filter");
        let plan = archive.explain(&filter).await.expect("a plan");
        assert!(plan.contains(by), "{typed:?}:\n{plan}");
        let is_scan = |line: &&str| line.starts_with("SCAN") && !line.contains("VIRTUAL TABLE");
        assert_eq!(plan.lines().find(is_scan), None, "{typed:?}:\n{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{typed:?}:\n{plan}");
    }
    // These read the table in its order and stop at the end of the page.
    let plan = archive.explain(&Filter::default()).await.expect("a plan");
    assert!(!plan.contains("TEMP B-TREE"), "{plan}");
}
