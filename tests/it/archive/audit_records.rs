//! Holds and repairs, which the archive keeps as audit records between the releases.

use greenroom::history::{
    AuditRecord, Filter, HoldRecord, Item, RecordedAction, RepairOutcome, RepairRecord, Repaired,
};
use greenroom::inventory::{Cleared, Hold, ReleaseId};
use greenroom::ports::{ArchiveReader, ArchiveWriter, Within};
use jiff::Timestamp;
use ulid::Ulid;

use super::samples::{START, archive, by, done, target};

fn minute(minute: u32) -> Timestamp {
    Timestamp::from_second(START + i64::from(minute) * 60).expect("a time")
}

pub(crate) fn held(at: u32, reason: &str) -> AuditRecord {
    let hold = Hold {
        reason: reason.into(),
        author: by("ana"),
        since: minute(at),
        until: None,
        release: None,
        cleared: None,
    };
    AuditRecord::Hold(HoldRecord::new(&target("web", "production"), &hold))
}

pub(crate) fn cleared(record: &AuditRecord, at: u32) -> AuditRecord {
    let AuditRecord::Hold(record) = record else {
        panic!("a hold")
    };
    let hold = record.hold.clone().cleared(Cleared {
        by: by("ben"),
        at: minute(at),
        why: Some("paid out".into()),
    });
    AuditRecord::Hold(HoldRecord::new(&record.target, &hold))
}

pub(crate) fn repaired(at: u32) -> AuditRecord {
    let started_at = minute(at);
    let millisecond = u64::try_from(started_at.as_millisecond()).expect("after 1970");
    let record = RepairRecord {
        format: 1,
        id: ReleaseId(Ulid::from_parts(millisecond, 7)),
        target: target("web", "production"),
        operator: by("cleo"),
        started_at,
        differences: vec![Repaired {
            name: "instance-stopped".into(),
            message: "green is registered and does not run".into(),
        }],
        repair_actions: vec![RecordedAction {
            does: "start green again".into(),
            calls: vec!["POST /containers/web-green/start".into()],
            started_at: Some(started_at),
            done_at: Some(started_at),
        }],
        closed: Some((minute(at + 1), RepairOutcome::Done)),
        chain: None,
    };
    AuditRecord::Repair(record.linked())
}

#[tokio::test]
async fn an_audit_record_is_kept_once_and_ends_once() {
    let (_place, archive) = archive().await;
    let first = held(1, "payday");
    let all = vec![first.clone(), repaired(3)];
    assert_eq!(archive.keep_audit(all.clone()).await.expect("kept"), 2);
    assert_eq!(archive.keep_audit(all).await.expect("kept"), 0, "again");
    let over = cleared(&first, 5);
    let kept = archive.keep_audit(vec![over.clone()]).await;
    assert_eq!(kept.expect("kept"), 1, "it has ended");
    // A record that has ended does not start again and does not end in another way. The archive
    // notes such a difference once.
    let other = cleared(&first, 9);
    for again in [first, other.clone(), other.clone()] {
        let kept = archive.keep_audit(vec![again]).await;
        assert_eq!(kept.expect("kept"), 0);
    }
    let found = archive
        .audit(&Filter::default(), Within::default(), 10)
        .await
        .expect("listed");
    let [repair, hold] = found.as_slice() else {
        panic!("two, not {found:?}");
    };
    assert_eq!((&repair.record, &hold.record), (&repaired(3), &over));
    assert_eq!(repair.differences, []);
    let [noted] = hold.differences.as_slice() else {
        panic!("one, not {:?}", hold.differences);
    };
    assert_eq!(noted.what, "the hold");
    assert_eq!(noted.found, serde_json::to_string(&other).expect("JSON"));
    assert_eq!(noted.kept, serde_json::to_string(&over).expect("JSON"));
    let id = over.id().to_string();
    let named = archive.audit_named(&id[..20].to_lowercase(), 2).await;
    assert_eq!(named.expect("found").as_slice(), std::slice::from_ref(hold));
}

#[tokio::test]
async fn paging_lists_each_audit_record_once_between_the_releases() {
    let (_place, file) = archive().await;
    file.keep([1, 3, 5, 7].map(done).to_vec())
        .await
        .expect("kept");
    let records = [0, 2, 4, 6, 8].map(|at| held(at, "payday"));
    file.keep_audit(records.to_vec()).await.expect("kept");
    let file = std::sync::Arc::new(file);
    let archive = greenroom::watchers::Archive {
        read: std::sync::Arc::clone(&file) as _,
        write: file as _,
    };
    for page in 1..6 {
        let mut seen = Vec::new();
        let mut before = None;
        loop {
            let listed = archive.items(&Filter::default(), before, page).await;
            let (items, is_whole) = listed.expect("listed");
            let mut releases = items.iter().rev().filter_map(Item::release);
            before = releases.next().map(|last| last.head.id);
            seen.extend(items.iter().map(Item::at));
            if is_whole {
                break;
            }
        }
        let wanted: Vec<Timestamp> = (0..9).rev().map(minute).collect();
        assert_eq!(seen, wanted, "pages of {page}");
    }
    let only = Filter::parse("by:ana pay", minute(9)).expect("a filter");
    let (items, _) = archive.items(&only, None, 10).await.expect("listed");
    assert_eq!(items.len(), 5, "the words are in no release");
    let elsewhere = Filter::parse("env:qa", minute(9)).expect("a filter");
    let (items, _) = archive.items(&elsewhere, None, 10).await.expect("listed");
    assert_eq!(items, []);
}
