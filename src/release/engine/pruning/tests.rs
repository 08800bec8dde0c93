use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::*;
use crate::history::samples_for_tests::planned;
use crate::history::{
    AuditRecord, Chain, Direction, Entry, JournalEvent, LivePeriod, Outcome, Recorded, Step,
};
use crate::inventory::{FencingToken, InstanceId, Quiet};
use crate::ports::{self, Failure, FailureKind, InstanceSpec, JournalEnd, PullProgress};
use crate::release::prune::Spare;

/// A journal of these releases, newest first, and optionally with an unreadable one.
#[derive(Default)]
struct Journal {
    releases: Vec<Recorded>,
    unreadable: Option<ReleaseId>,
}

#[async_trait]
impl JournalReader for Journal {
    async fn releases(&self, _: &Target, _: usize) -> ports::Result<Vec<ReleaseRecord>> {
        Ok(self.releases.iter().map(|it| it.head.clone()).collect())
    }

    async fn releases_before(
        &self,
        _: &Target,
        _: ReleaseId,
        _: usize,
    ) -> ports::Result<Vec<ReleaseRecord>> {
        Ok(Vec::new())
    }

    async fn unreadable(&self, _: &Target, _: usize) -> ports::Result<Vec<(ReleaseId, Failure)>> {
        let garbled = |id| {
            let failure = Failure::new(FailureKind::Garbled, "the store", "reading", "no JSON");
            (id, failure)
        };
        Ok(self.unreadable.map(garbled).into_iter().collect())
    }

    async fn current(
        &self,
        _: &[Target],
    ) -> ports::Result<BTreeMap<Target, ports::Result<ReleaseRecord>>> {
        Ok(BTreeMap::new())
    }

    async fn release(&self, _: &Target, id: ReleaseId) -> ports::Result<Option<Recorded>> {
        let found = self.releases.iter().find(|it| it.head.id == id);
        Ok(found.cloned())
    }

    async fn audit_record(&self, _: &Target, _: ReleaseId) -> ports::Result<Option<AuditRecord>> {
        Ok(None)
    }
}

fn target() -> Target {
    let name = "web".parse().expect("a name");
    Target::new(name, "qa".parse().expect("a name"))
}

#[tokio::test]
async fn nothing_is_removed_while_a_release_cannot_be_read() {
    let id = ReleaseId(Ulid::from_parts(1, 1));
    whole_past(&Journal::default(), &target())
        .await
        .expect("all of it");
    let journal = Journal {
        unreadable: Some(id),
        ..Journal::default()
    };
    let refused = whole_past(&journal, &target()).await;
    let refused = refused.expect_err("one is unreadable").to_string();
    assert!(refused.contains(&id.to_string()), "{refused}");
}

/// A release of this digest that ended well, with or without the entries that prove it.
fn released(number: u64, fill: char, is_proven: bool) -> Recorded {
    let id = Ulid::from_parts(number, 1).0;
    let mut head = planned(id, None, true);
    head.to.1.digest = format!("sha256:{}", fill.to_string().repeat(64))
        .parse()
        .expect("a digest");
    let mut chain = Chain::of(&head);
    let switched = Entry {
        sequence: 1,
        at: head.opened_at,
        event: JournalEvent::Outcome {
            step: Step::Switch,
            direction: Direction::Forward,
            failure: None,
            took: Duration::ZERO,
        },
        chain: None,
    };
    let entries: Vec<Entry> = is_proven
        .then(|| chain.linked(switched))
        .into_iter()
        .collect();
    let closed = Some((head.opened_at, Outcome::Done));
    let head = chain.closed(ReleaseRecord {
        live: LivePeriod::of(&entries),
        closed,
        ..head
    });
    Recorded { head, entries }
}

#[tokio::test]
async fn a_version_without_a_proof_is_not_a_last_good_version() {
    let forged = ['e', 'f'].map(|fill| {
        let mut forged = released(9, fill, true);
        forged.head.id = ReleaseId(Ulid::from_parts(u64::from(u32::from(fill)), 1));
        forged
    });
    let good = [released(2, 'b', true), released(1, 'a', true)];
    let journal = Journal {
        releases: forged.into_iter().chain(good.clone()).collect(),
        unreadable: None,
    };
    let past = whole_past(&journal, &target()).await.expect("all of it");
    let (found, searched) = last_good(&journal, &target(), &past, 2)
        .await
        .expect("an answer");
    assert_eq!(found, good.map(|it| it.head.to.1));
    assert_eq!(searched, past.len());
}

/// A runtime that records which images were removed.
#[derive(Default)]
struct Engine(Mutex<Vec<EngineImage>>);

#[async_trait]
impl RuntimeWriter for Engine {
    async fn pull(&self, _: &Version, _: mpsc::Sender<PullProgress>) -> ports::Result<()> {
        Err(unexpected_call())
    }

    async fn start(&self, _: &InstanceSpec) -> ports::Result<InstanceId> {
        Err(unexpected_call())
    }

    async fn restart(&self, _: &InstanceId) -> ports::Result<()> {
        Err(unexpected_call())
    }

    async fn stop(&self, _: &InstanceId, _: Duration) -> ports::Result<()> {
        Err(unexpected_call())
    }

    async fn quiet(&self, _: &InstanceId, _: &Quiet) -> ports::Result<()> {
        Err(unexpected_call())
    }

    async fn remove_image(&self, image: &EngineImage) -> ports::Result<()> {
        self.0.lock().expect("whole").push(image.clone());
        Ok(())
    }

    async fn remove(&self, _: &InstanceId) -> ports::Result<()> {
        Err(unexpected_call())
    }
}

/// A lock that is lost after this number of checks.
struct HeldFor(AtomicUsize);

#[async_trait]
impl Locks for HeldFor {
    async fn acquire(&self, _: &Target, _: &LockRecord) -> ports::Result<Acquired> {
        Err(unexpected_call())
    }

    async fn take_over(
        &self,
        _: &Target,
        _: &LockRecord,
        _: FencingToken,
    ) -> ports::Result<Acquired> {
        Err(unexpected_call())
    }

    async fn take_over_at_rest(
        &self,
        _: &Target,
        _: &LockRecord,
        _: FencingToken,
        _: JournalEnd,
    ) -> ports::Result<Acquired> {
        Err(unexpected_call())
    }

    async fn holds(&self, _: &Target, _: &Fence) -> ports::Result<bool> {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(1), Ordering::Relaxed);
        Ok(left > 0)
    }

    async fn release(&self, _: &Target, _: &Fence) -> ports::Result<()> {
        Err(unexpected_call())
    }
}

fn unexpected_call() -> Failure {
    Failure::new(
        FailureKind::Unsupported,
        "a test",
        "a call",
        "this test expects no such call",
    )
}

#[tokio::test]
async fn no_image_is_removed_after_a_lock_was_lost() {
    let spare = |size| Spare {
        image: EngineImage {
            repository: "r/web".into(),
            digest: released(1, 'a', true).head.to.1.digest,
            size,
        },
        tag: None,
    };
    let plan = PrunePlan {
        repository: "r/web".into(),
        targets: vec![target()],
        kept: Vec::new(),
        spare: [1, 2, 3].map(spare).into(),
    };
    let engine = Engine::default();
    let locks = HeldFor(AtomicUsize::new(1));
    let fence = Fence {
        token: FencingToken(7),
    };
    let target = target();
    let locked: Vec<Locked<'_>> = vec![(&locks, &target, &fence)];
    let done = remove_spare((&plan, &plan), &engine, &locked).await;
    let removed = engine.0.lock().expect("whole");
    assert_eq!(removed.len(), 1, "{done:?}");
    assert_eq!(done[0].1, Pruned::Removed);
    for (_, became) in &done[1..] {
        let Pruned::Refused(why) = became else {
            panic!("{done:?}");
        };
        assert!(why.contains("the lock of web/qa was lost"), "{why}");
    }
}
