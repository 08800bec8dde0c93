//! How every kind of store keeps holds.

use greenroom::history::{AuditRecord, hold_id};
use greenroom::inventory::{Cleared, Hold, Operator, ReleaseId, StoredKey, Target};
use greenroom::ports::{FailureKind, Holds, JournalReader, KeyLine, RegistryReader};
use jiff::Timestamp;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time")
}

fn operator(name: &str) -> Operator {
    Operator {
        name: name.into(),
        host: "ops-1".into(),
    }
}

pub(crate) fn hold(name: &str, since: i64, until: Option<i64>) -> Hold {
    Hold {
        reason: format!("{name} says so"),
        author: operator(name),
        since: at(since),
        until: until.map(at),
        release: None,
        cleared: None,
    }
}

/// The hold that a rollback leaves.
pub(crate) fn left_by(release: ReleaseId) -> Hold {
    Hold {
        release: Some(release),
        ..hold("ana", 50, None)
    }
}

pub(crate) fn cleared(name: &str, second: i64) -> Cleared {
    Cleared {
        by: operator(name),
        at: at(second),
        why: Some("over".into()),
    }
}

/// Two operators who place holds in one store, and a reader of it.
pub(crate) struct Contract<'a> {
    pub(crate) ana: &'a dyn Holds,
    pub(crate) ben: &'a dyn Holds,
    pub(crate) reader: &'a dyn RegistryReader,
    pub(crate) journal: &'a dyn JournalReader,
    pub(crate) target: &'a Target,
}

impl Contract<'_> {
    async fn stored(&self) -> Option<Hold> {
        let record = self.reader.read(self.target).await.expect("a record");
        assert!(record.problems.is_empty(), "{:?}", record.problems);
        record.hold
    }

    /// One hold per target. Only the observed one is cleared, and the record names who cleared it.
    pub(crate) async fn is_kept(&self) {
        let first = hold("ana", 0, Some(100));
        assert_eq!(self.stored().await, None);
        assert_eq!(
            self.ana.place(self.target, &first).await.expect("placed"),
            None
        );
        assert_eq!(self.stored().await, Some(first.clone()));
        // Repeating the same write changes nothing; another hold is not overwritten.
        assert_eq!(
            self.ana.place(self.target, &first).await.expect("placed"),
            None
        );
        let second = hold("ben", 10, None);
        let current = self
            .ben
            .place(self.target, &second)
            .await
            .expect("answered");
        assert_eq!(current, Some(first.clone()));
        // A hold whose end has passed blocks no other.
        let later = hold("ben", 100, None);
        assert_eq!(
            self.ben.place(self.target, &later).await.expect("placed"),
            None
        );
        assert_eq!(self.stored().await, Some(later.clone()));

        let other = self
            .ana
            .clear(self.target, &first, &cleared("ana", 110))
            .await;
        assert_eq!(
            other.expect_err("another is in force").kind,
            FailureKind::Conflict
        );
        let end = cleared("ana", 120);
        self.ana
            .clear(self.target, &later, &end)
            .await
            .expect("cleared");
        self.ana
            .clear(self.target, &later, &end)
            .await
            .expect("the same again");
        let kept = self.stored().await.expect("it is kept");
        assert_eq!(kept.cleared, Some(end));
        assert!(!kept.is_active(at(130)));
        let again = self
            .ben
            .clear(self.target, &later, &cleared("ben", 130))
            .await;
        assert_eq!(
            again.expect_err("it is cleared").kind,
            FailureKind::Conflict
        );
        let next = hold("ana", 140, None);
        assert_eq!(
            self.ana.place(self.target, &next).await.expect("placed"),
            None
        );
        let over = cleared("ana", 150);
        self.ana
            .clear(self.target, &next, &over)
            .await
            .expect("cleared");

        // A replacement is written in the same transaction, and the replaced hold is kept with its
        // end.
        let left = hold("ana", 160, None);
        let placed = self.ana.place(self.target, &left).await;
        assert_eq!(placed.expect("placed"), None);
        let reason = left.with_reason("slow", operator("ben"), at(170));
        let given = cleared("ben", 170);
        for _ in 0..2 {
            let replaced = self.ben.replace(self.target, &left, &given, &reason).await;
            replaced.expect("replaced, and the same again");
        }
        assert_eq!(self.stored().await, Some(reason.clone()));
        let another = left.with_reason("other", operator("ana"), at(180));
        let late = self.ana.replace(self.target, &left, &given, &another).await;
        assert_eq!(late.expect_err("it is gone").kind, FailureKind::Conflict);
        let end = cleared("ana", 190);
        let done = self.ana.clear(self.target, &reason, &end).await;
        done.expect("cleared");

        // All accepted holds are kept, and no refused one is.
        let records = self.journal.holds(self.target, 10).await.expect("listed");
        for record in &records {
            let read = self.journal.audit_record(self.target, record.id).await;
            assert_eq!(read.expect("read"), Some(AuditRecord::Hold(record.clone())));
        }
        let refused = self
            .journal
            .audit_record(self.target, hold_id(&second))
            .await;
        assert_eq!(refused.expect("read"), None);
        assert!(records.iter().all(|record| record.target == *self.target));
        let holds: Vec<Hold> = records.into_iter().map(|record| record.hold).collect();
        let ended = [reason.cleared(end), left.cleared(given)];
        assert_eq!(holds[..2], ended);
        assert_eq!(holds[2..], [next.cleared(over), kept, first]);
        let newest = self.journal.holds(self.target, 1).await.expect("listed");
        assert_eq!(newest.len(), 1);
        assert_eq!(newest[0].hold, holds[0]);
        let none = self.journal.holds(self.target, 0).await.expect("listed");
        assert_eq!(none, []);
    }

    /// An unreadable hold is removed only if it is still the observed one, and its content is kept.
    /// `write` puts a value in place of the hold.
    pub(crate) async fn is_removed_when_unreadable(&self, write: impl AsyncFn(&str)) {
        write("until further notice").await;
        let seen = self.line().await;
        assert!(seen.value.contains("until further notice"), "{seen:?}");
        write("until tomorrow").await;
        let removed = hold("ana", 400, None).cleared(cleared("ana", 400));
        let late = self
            .ana
            .remove_unreadable(self.target, seen.revision, &removed);
        let refused = late.await.expect_err("another was written since");
        assert_eq!(refused.kind, FailureKind::Conflict, "{refused}");
        let seen = self.line().await;
        let done = self
            .ana
            .remove_unreadable(self.target, seen.revision, &removed);
        done.await.expect("removed");
        assert_eq!(self.stored().await, None);
        let records = self.journal.holds(self.target, 1).await.expect("listed");
        assert_eq!(records[0].hold, removed);

        // A readable one is cleared like any other.
        let readable = hold("ben", 410, None);
        let placed = self.ben.place(self.target, &readable).await;
        assert_eq!(placed.expect("placed"), None);
        let seen = self.line().await;
        let refused = self
            .ana
            .remove_unreadable(self.target, seen.revision, &removed);
        let refused = refused.await.expect_err("it can be read");
        assert_eq!(refused.kind, FailureKind::Conflict, "{refused}");
        assert_eq!(self.stored().await, Some(readable.clone()));
        let end = cleared("ben", 420);
        let done = self.ben.clear(self.target, &readable, &end).await;
        done.expect("cleared");
    }

    /// The hold's key as it is stored.
    async fn line(&self) -> KeyLine {
        let read = self.reader.read_with_keys(self.target).await;
        let lines = read.expect("a record").1;
        let is_hold = |line: &KeyLine| StoredKey::of(self.target, &line.key) == StoredKey::Hold;
        lines.into_iter().find(is_hold).expect("a hold")
    }

    /// When many place one at the same time, one succeeds, and the others are told which hold is in
    /// force.
    pub(crate) async fn is_placed_once(&self) {
        let all: Vec<Hold> = (0..8)
            .map(|n| hold(&format!("op-{n}"), 200 + n, None))
            .collect();
        let placing = all.iter().enumerate().map(|(n, hold)| {
            let one = if n % 2 == 0 { self.ana } else { self.ben };
            one.place(self.target, hold)
        });
        let answers = futures_util::future::join_all(placing).await;
        let current = self.stored().await.expect("one is in force");
        let mut placed = 0;
        for (hold, answer) in all.iter().zip(answers) {
            match answer.expect("answered") {
                None => {
                    placed += 1;
                    assert_eq!(*hold, current);
                }
                Some(other) => assert_eq!(other, current),
            }
        }
        assert_eq!(placed, 1);
        self.ana
            .clear(self.target, &current, &cleared("ana", 300))
            .await
            .expect("cleared");
    }
}
