use async_trait::async_trait;
use ulid::Ulid;

use jiff::Timestamp;

use super::*;
use crate::history::{AuditRecord, Direction, Entry, Happening, Outcome, Recorded, Step};
use crate::inventory::{ReleaseId, Slot};
use crate::ports::{Failure, FailureKind};

/// Two open releases, of which one has entries that cannot be read.
struct Journal {
    heads: Vec<ReleaseRecord>,
    unreadable: ReleaseId,
}

#[async_trait]
impl JournalReader for Journal {
    async fn releases(&self, _: &Target, limit: usize) -> Result<Vec<ReleaseRecord>> {
        Ok(self.heads.iter().take(limit).cloned().collect())
    }

    async fn releases_before(
        &self,
        _: &Target,
        _: ReleaseId,
        _: usize,
    ) -> Result<Vec<ReleaseRecord>> {
        Ok(Vec::new())
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
        let head = self.heads.iter().find(|head| head.id == id).cloned();
        let switched = Entry {
            sequence: 1,
            at: Timestamp::UNIX_EPOCH,
            what: Happening::Outcome {
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

    async fn beside(&self, _: &Target, _: ReleaseId) -> Result<Option<AuditRecord>> {
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

#[tokio::test]
async fn one_unreadable_journal_hides_no_other_release() {
    let heads = vec![head(3, false), head(2, false), head(1, true)];
    let journal = Journal {
        unreadable: heads[0].id,
        heads,
    };
    let target: Target = journal.heads[0].target.clone();
    let past = past_of(&journal, &target, 10).await.expect("the others");
    let live: Vec<bool> = past.iter().map(|head| head.live.is_some()).collect();
    assert_eq!(live, [false, true, false]);
    assert_eq!(past[0].to.0, Slot::Blue);
}
