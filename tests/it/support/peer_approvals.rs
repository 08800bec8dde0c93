//! How every kind of store keeps peer approvals.

use greenroom::history::{FORMAT, Outcome, ReleaseKind, ReleaseRecord};
use greenroom::inventory::{
    Digest, ImageLabels, Operator, PeerApproval, ReleaseId, Slot, Target, Version,
};
use greenroom::ports::{FailureKind, Fence, JournalWriter, PeerApprovals, RegistryReader};
use jiff::Timestamp;

use std::time::Duration;

fn digest() -> Digest {
    format!("sha256:{}", "a".repeat(64))
        .parse()
        .expect("a digest")
}

fn operator(name: &str) -> Operator {
    Operator {
        name: name.into(),
        host: "ops-1".into(),
    }
}

pub(crate) fn head(target: &Target, id: ReleaseId) -> ReleaseRecord {
    ReleaseRecord {
        format: FORMAT,
        id,
        target: target.clone(),
        kind: ReleaseKind::Promote,
        from: None,
        to: (
            Slot::Green,
            Version {
                repository: "r/web".into(),
                tag: Some("1.9".into()),
                digest: digest(),
                labels: ImageLabels::default(),
            },
        ),
        operator: operator("ana"),
        reason: None,
        overridden: Vec::new(),
        opened_at: "2026-01-01T00:00:00Z".parse().expect("a time"),
        plan: Vec::new(),
        baseline: None,
        live: None,
        closed: None,
        chain: None,
        trigger: None,
        skipped_tasks: Vec::new(),
        overridden_checks: Vec::new(),
    }
}

/// Given now and valid for this long.
pub(crate) fn peer_approval(id: ReleaseId, name: &str, life: Duration) -> PeerApproval {
    let now = Timestamp::now();
    PeerApproval {
        release: id,
        digest: digest(),
        plan: "1:ab".into(),
        by: operator(name),
        console: format!("{name}@ops-1 4711 01JD4"),
        given_at: now,
        expires_at: now + life,
        evidence: "3 of 3 checks passed".into(),
        note: Some("go".into()),
    }
}

pub(crate) struct Contract<'a> {
    pub(crate) store: &'a dyn PeerApprovals,
    pub(crate) journal: &'a dyn JournalWriter,
    pub(crate) reader: &'a dyn RegistryReader,
    pub(crate) target: &'a Target,
    pub(crate) fence: &'a Fence,
}

impl Contract<'_> {
    async fn stored(&self) -> Vec<PeerApproval> {
        let record = self.reader.read(self.target).await.expect("a record");
        assert!(record.problems.is_empty(), "{:?}", record.problems);
        let mut given = record.peer_approvals;
        given.sort_by(|one, other| one.by.name.cmp(&other.by.name));
        given
    }

    /// One per person and release, only while the release has no end, and gone when it expires.
    pub(crate) async fn holds(&self) {
        let id = ReleaseId(ulid::Ulid::generate());
        let hour = Duration::from_hours(1);
        let ben = peer_approval(id, "ben", hour);
        let early = self.store.give(self.target, &ben).await;
        assert_eq!(
            early.expect_err("no release yet").kind,
            FailureKind::Conflict
        );
        let mut head = head(self.target, id);
        self.journal
            .head(&head, self.fence)
            .await
            .expect("a release");
        self.store.give(self.target, &ben).await.expect("given");
        self.store
            .give(self.target, &ben)
            .await
            .expect("given again");
        assert_eq!(self.stored().await, std::slice::from_ref(&ben));
        // A different spelling is the same person's approval.
        let again = peer_approval(id, "Ben ", hour);
        self.store
            .give(self.target, &again)
            .await
            .expect("given again");
        assert_eq!(self.stored().await, std::slice::from_ref(&again));
        let foreign = peer_approval(id, "../lock \u{202e}", hour);
        self.store.give(self.target, &foreign).await.expect("given");
        assert_eq!(self.stored().await, [foreign.clone(), again.clone()]);
        self.takes_no_name_for_another(&again).await;
        self.store
            .withdraw(self.target, &foreign)
            .await
            .expect("taken back");
        self.store
            .withdraw(self.target, &foreign)
            .await
            .expect("taken back again");
        assert_eq!(self.stored().await, std::slice::from_ref(&again));

        head.closed = Some((Timestamp::now(), Outcome::Done));
        self.journal.head(&head, self.fence).await.expect("its end");
        let late = peer_approval(id, "cleo", hour);
        let late = self.store.give(self.target, &late).await;
        let failure = late.expect_err("it is over");
        assert_eq!(failure.kind, FailureKind::Conflict);
        assert!(failure.message.contains("has ended"), "{failure}");
        self.store
            .withdraw(self.target, &again)
            .await
            .expect("taken back");
    }

    /// A person has one key however the name is spelled, and no two people share one.
    async fn takes_no_name_for_another(&self, ben: &PeerApproval) {
        let hour = Duration::from_hours(1);
        let before = self.stored().await;
        for spelled in ["b\u{200b}en", "BEN\u{3164}", "ｂｅｎ"] {
            let mut same = ben.clone();
            same.by.name = spelled.to_owned();
            self.store.give(self.target, &same).await.expect("given");
            assert_eq!(self.stored().await.len(), before.len(), "{spelled:?}");
        }
        self.store.give(self.target, ben).await.expect("given");
        let [one, other] = ["李雷", "王芳"].map(|name| peer_approval(ben.release, name, hour));
        for given in [&one, &other] {
            self.store.give(self.target, given).await.expect("given");
        }
        let stored = self.stored().await;
        assert!(
            stored.contains(&one) && stored.contains(&other),
            "{stored:?}"
        );
        for given in [&one, &other] {
            self.store
                .withdraw(self.target, given)
                .await
                .expect("taken back");
        }
        assert_eq!(self.stored().await, before);
    }

    /// A release ends while approvals of it are given: an accepted approval was given before the
    /// end.
    pub(crate) async fn race_with_the_end(&self) {
        for round in 0_u64..10 {
            let id = ReleaseId(ulid::Ulid::generate());
            let mut head = head(self.target, id);
            self.journal
                .head(&head, self.fence)
                .await
                .expect("a release");
            head.closed = Some((Timestamp::now(), Outcome::Done));
            let ben = peer_approval(id, &format!("ben-{round}"), Duration::from_mins(1));
            let (given, ended) = tokio::join!(
                self.store.give(self.target, &ben),
                self.journal.head(&head, self.fence)
            );
            ended.expect("its end");
            let is_stored = self.stored().await.contains(&ben);
            match given {
                Ok(()) => assert!(is_stored),
                Err(failure) => {
                    assert_eq!(failure.kind, FailureKind::Conflict);
                    assert!(!is_stored, "{failure}");
                }
            }
            self.store
                .withdraw(self.target, &ben)
                .await
                .expect("taken back");
        }
    }
}
