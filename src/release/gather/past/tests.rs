use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use ulid::Ulid;

use super::*;
use crate::history::{AuditRecord, Chain, Direction, Entry, JournalEvent, Outcome, Recorded, Step};
use crate::inventory::{ReleaseId, Slot};
use crate::ports::Failure;

/// A journal of releases, newest first. The release `unreadable` cannot be read with its entries.
struct Journal {
    heads: Vec<ReleaseRecord>,
    unreadable: ReleaseId,
    /// Releases whose entries prove their switch, with an intact hash chain.
    proven: Vec<Recorded>,
}

#[async_trait]
impl JournalReader for Journal {
    async fn releases(&self, _: &Target, limit: usize) -> Result<Vec<ReleaseRecord>> {
        Ok(self.heads.iter().take(limit).cloned().collect())
    }

    async fn releases_before(
        &self,
        _: &Target,
        before: ReleaseId,
        limit: usize,
    ) -> Result<Vec<ReleaseRecord>> {
        let older = self.heads.iter().filter(|head| head.id < before);
        Ok(older.take(limit).cloned().collect())
    }

    async fn current(&self, _: &[Target]) -> Result<BTreeMap<Target, Result<ReleaseRecord>>> {
        Ok(BTreeMap::new())
    }

    async fn release(&self, _: &Target, id: ReleaseId) -> Result<Option<Recorded>> {
        if id == self.unreadable {
            let doing = "reading a release";
            return Err(Failure::new(
                FailureKind::Garbled,
                "the store",
                doing,
                "garbled",
            ));
        }
        if let Some(proven) = self.proven.iter().find(|it| it.head.id == id) {
            return Ok(Some(proven.clone()));
        }
        let head = self.heads.iter().find(|head| head.id == id).cloned();
        let switched = Entry {
            sequence: 1,
            at: Timestamp::UNIX_EPOCH,
            event: JournalEvent::Outcome {
                step: Step::Switch,
                direction: Direction::Forward,
                failure: None,
                took: Duration::ZERO,
            },
            chain: None,
        };
        Ok(head.map(|head| Recorded {
            head,
            entries: vec![switched],
        }))
    }

    async fn audit_record(&self, _: &Target, _: ReleaseId) -> Result<Option<AuditRecord>> {
        Ok(None)
    }
}

fn head(number: u128, closed: bool) -> ReleaseRecord {
    let text = format!(
        r#"{{"format":1,"id":"{}","target":{{"service":"web","environment":"qa"}},"kind":"promote","from":null,
        "to":["blue",{{"repository":"r/web","tag":"1.{number}","digest":"sha256:{}"}}],"operator":{{"name":"ana","host":"ops-1"}},
        "reason":null,"opened_at":"2026-11-20T14:00:00Z","plan":[],"closed":null}}"#,
        ReleaseId(Ulid::from_parts(1, number)),
        "a".repeat(64)
    );
    let head: ReleaseRecord = serde_json::from_str(&text).expect("a head");
    let closed = closed.then_some((head.opened_at, Outcome::Done));
    ReleaseRecord { closed, ..head }
}

/// A release with an entry that proves its switch, made from its record.
fn switched(mut head: ReleaseRecord) -> Recorded {
    let (closed, chain) = (head.closed.take(), &mut Chain::of(&head));
    let switched = Entry {
        sequence: 1,
        at: Timestamp::UNIX_EPOCH,
        event: JournalEvent::Outcome {
            step: Step::Switch,
            direction: Direction::Forward,
            failure: None,
            took: Duration::ZERO,
        },
        chain: None,
    };
    let entries = vec![chain.linked(switched)];
    let live = LivePeriod::of(&entries);
    let head = chain.closed(ReleaseRecord {
        live,
        closed,
        ..head
    });
    Recorded { head, entries }
}

/// A release that failed before its switch.
fn failed(number: u128) -> ReleaseRecord {
    let mut head = head(number, true);
    let reason = "verify failed".to_owned();
    head.closed = Some((head.opened_at, Outcome::BackedOut { reason }));
    head
}

/// A journal with one proven release with the number 1, and these later releases, newest first.
fn above(others: impl IntoIterator<Item = ReleaseRecord>) -> Journal {
    let good = switched(head(1, true));
    let heads = others.into_iter().chain([good.head.clone()]);
    Journal {
        heads: heads.collect(),
        unreadable: ReleaseId(Ulid(0)),
        proven: vec![good],
    }
}

async fn sought(journal: &Journal, sought: &Sought) -> WasLive {
    let target = &journal.heads[0].target;
    let newest = journal.releases(target, PAGE).await.expect("a page");
    let past = search(journal, target, newest, sought).await;
    past.expect("the past").was_live
}

#[tokio::test]
async fn an_unreadable_release_does_not_hide_other_releases() {
    let heads = vec![head(3, false), head(2, false), head(1, true)];
    let journal = Journal {
        unreadable: heads[0].id,
        heads,
        proven: Vec::new(),
    };
    let target: Target = journal.heads[0].target.clone();
    let past = past_of(&journal, &target).await.expect("the others");
    let live = past.heads.iter().map(|head| head.live.is_some());
    assert_eq!(live.collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(past.heads[0].to.0, Slot::Blue);
}

#[tokio::test]
async fn a_forged_record_does_not_prove_a_live_version() {
    let mut forged = switched(head(2, true)).head;
    forged.to.1.digest = format!("sha256:{}", "e".repeat(64))
        .parse()
        .expect("a digest");
    let digest = forged.to.1.digest.clone();
    let journal = above([forged.clone()]);
    let found = sought(&journal, &Sought::All).await;
    assert_eq!(found.versions, vec![journal.proven[0].head.to.1.clone()]);
    let found_by_digest = sought(&journal, &Sought::OneOf(vec![digest.clone()])).await;
    assert!(found_by_digest.versions.is_empty(), "{found_by_digest:?}");
    let remarks = found_by_digest.remarks(&digest).join("\n");
    assert!(remarks.contains(&forged.id.to_string()), "{remarks}");
}

#[tokio::test]
async fn the_last_good_version_is_found_below_many_failed_releases() {
    let last = u128::try_from(PAGE).expect("small") * 2 + 7;
    let journal = above((2..=last).rev().map(failed));
    let good = &journal.proven[0].head.to.1;
    for wanted in [
        Sought::All,
        Sought::OneOf(vec![good.digest.clone()]),
        Sought::Named(VersionRef::Tag("1.1".into())),
    ] {
        let found = sought(&journal, &wanted).await;
        assert_eq!(found.versions, vec![good.clone()], "{wanted:?}");
        assert_eq!(found.limit(), None);
    }
}

#[tokio::test]
async fn a_search_that_stops_early_reports_its_limit() {
    let most = PAGE * PAGES;
    let last = u128::try_from(most).expect("small") + 7;
    let journal = above((2..=last).rev().map(failed));
    let found = sought(&journal, &Sought::All).await;
    assert!(found.versions.is_empty());
    let limit = found.limit().expect("the limit is reported");
    assert!(limit.contains(&most.to_string()), "{limit}");
    // A promote does not search.
    let found = sought(&journal, &Sought::None).await;
    assert_eq!(found.limit(), None);
}

/// The list is limited, because each listed version costs a read.
#[tokio::test]
async fn a_limited_list_of_versions_reports_its_limit() {
    let most = u128::try_from(ENOUGH).expect("small") * 3;
    let released = |number: u128| {
        let mut head = head(number, true);
        let digest = format!("sha256:{number:064x}");
        head.to.1.digest = digest.parse().expect("a digest");
        switched(head)
    };
    let mut journal = above([]);
    let proven: Vec<_> = (2..=most).rev().map(released).collect();
    let heads = proven.iter().map(|it| it.head.clone());
    journal.heads = heads.chain(journal.heads).collect();
    journal.proven.extend(proven);
    let found = sought(&journal, &Sought::All).await;
    assert_eq!(found.versions.len(), ENOUGH);
    let limit = found.limit().expect("the limit is reported");
    assert!(limit.contains(&ENOUGH.to_string()), "{limit}");
    let oldest = Sought::Named(VersionRef::Tag("1.1".into()));
    assert!(sought(&journal, &oldest).await.limit().is_none());
}
