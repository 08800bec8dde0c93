//! How an open console maintains the archive: it reads earlier releases, prunes old ones, keeps new
//! releases and audit records, and reports this.

use std::time::Duration;

use greenroom::adapters::archive::Archive;
use greenroom::history::{AuditRecord, Filter};
use greenroom::ports::{ArchiveReader, Within};
use greenroom::settings::{Request, Settings};
use greenroom::{watchers, wire};
use jiff::Timestamp;
use tokio::sync::watch;

use super::commands::Place;
use super::samples::{done, target};
use crate::support::eventually;

const SOON: Duration = Duration::from_secs(20);

/// Waits until the console has archived something since `before`.
async fn kept_some(kept: &mut watch::Receiver<watchers::Keeping>) {
    let changed = tokio::time::timeout(SOON, kept.changed()).await;
    changed.expect("in time").expect("it goes on");
}

/// A release that was opened this many seconds ago.
fn ago(seconds: i64) -> greenroom::history::Recorded {
    let mut release = done(1);
    let at = Timestamp::now() - jiff::SignedDuration::from_secs(seconds);
    let millisecond = u64::try_from(at.as_millisecond()).expect("after 1970");
    release.head.id = greenroom::inventory::ReleaseId(ulid::Ulid::from_parts(millisecond, 1));
    release.head.opened_at = at;
    for entry in &mut release.entries {
        entry.at = at;
    }
    if let Some((closed_at, _)) = &mut release.head.closed {
        *closed_at = at;
    }
    release
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_console_archives_and_prunes_and_reports_it() {
    let place = Place::with(&[ago(300), ago(200), ago(100)]).await;
    let path = place.path("greenroom.toml");
    let text = std::fs::read_to_string(&path).expect("the configuration");
    let text = text.replace("[history]\n", "[history]\nkeep_last = 1\n");
    std::fs::write(&path, &text).expect("written");
    let loaded = Settings::read(&path, &text, &Request::default())
        .unwrap_or_else(|problems| panic!("{problems}"));
    let app = wire::build(&loaded.settings, false).expect("an app");
    let watching = watchers::start(&app.engine, app.frame.clone(), std::future::ready(()));
    let (keeping, mut kept) = app.update_archive(&watching);
    let keeping = tokio::spawn(keeping);
    kept_some(&mut kept).await;

    let archive = Archive::open(place.path("archive.db"))
        .await
        .expect("the archive");
    let count = || async {
        let listed = archive.list(&Filter::default(), None, 10).await;
        listed.expect("a list").len()
    };
    // All three were read, and two of them were pruned again.
    eventually("one is left", SOON, || async { count().await == 1 }).await;

    let web = target("web", "production");
    let reason = "payday".to_owned();
    let hold = app.engine.hold(&web, reason, None).await.expect("held");
    kept_some(&mut kept).await;
    let audit = || async {
        let all = Filter::default();
        let found = archive.audit(&all, Within::default(), 10).await;
        let found = found.expect("listed").into_iter();
        found.map(|kept| kept.record).collect::<Vec<_>>()
    };
    eventually("the hold is kept", SOON, || async {
        let found = audit().await;
        matches!(found.as_slice(), [AuditRecord::Hold(it)] if it.hold == hold)
    })
    .await;
    // A hold that was placed and cleared between two readings is archived with the next change.
    place.release(&[ago(0)]).await;
    let why = Some("paid".to_owned());
    app.engine.clear_hold(&web, why).await.expect("cleared");
    eventually("and that it was cleared", SOON, || async {
        audit().await.iter().all(AuditRecord::is_settled)
    })
    .await;

    eventually("the next one is kept", SOON, || async {
        let listed = archive.list(&Filter::default(), None, 10).await;
        let listed = listed.expect("a list");
        // The console prunes every hour.
        listed.len() == 2
    })
    .await;
    keeping.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_cannot_be_archived_is_reported_as_missing() {
    let release = ago(100);
    let place = Place::with(std::slice::from_ref(&release)).await;
    let path = place.path("greenroom.toml");
    let text = std::fs::read_to_string(&path).expect("the configuration");
    let text = text.replace("\"archive.db\"", "\"/proc/greenroom/archive.db\"");
    let loaded = Settings::read(&path, &text, &Request::default())
        .unwrap_or_else(|problems| panic!("{problems}"));
    let app = wire::build(&loaded.settings, false).expect("an app");
    let head = &release.head;
    let said = app.keep(&head.target, head.id).await.expect("not kept");
    assert!(
        said.contains("the history of this machine has no copy"),
        "{said}"
    );
    assert!(said.contains("/proc/greenroom/archive.db"), "{said}");
}
