//! How every kind of store treats a switch that was decided on a hold and on approvals.

use std::time::Duration;

use greenroom::inventory::{HoldChange, RegistryRecord, ReleaseId, RouteChange, Slot, Target};
use greenroom::ports::{
    FailureKind, Fence, Holds, JournalWriter, PeerApprovals, RegistryReader, RegistryWriter, Result,
};

use super::holds::{cleared, hold};
use super::peer_approvals::{head, peer_approval};

/// A store in which both slots are registered and blue is live.
pub(crate) struct Contract<'a> {
    pub(crate) writer: &'a dyn RegistryWriter,
    pub(crate) reader: &'a dyn RegistryReader,
    pub(crate) journal: &'a dyn JournalWriter,
    pub(crate) holds: &'a dyn Holds,
    pub(crate) peer_approvals: &'a dyn PeerApprovals,
    pub(crate) target: &'a Target,
    pub(crate) fence: &'a Fence,
    pub(crate) change: &'a (dyn Fn((u64, Slot), Slot) -> RouteChange + Sync),
}

impl Contract<'_> {
    async fn record(&self) -> RegistryRecord {
        self.reader.read(self.target).await.expect("a record")
    }

    async fn route_now(&self) -> (u64, Slot) {
        let route = self.record().await.route.expect("a route").value;
        (route.generation, route.live)
    }

    /// Switches to the other slot, as it was decided.
    async fn swap(&self, decided: impl FnOnce(&mut RouteChange)) -> Result<()> {
        let from = self.route_now().await;
        let mut change = (self.change)(from, from.1.other());
        decided(&mut change);
        self.writer
            .swap_route(self.target, &change, self.fence)
            .await
    }

    async fn is_refused(&self, what: &str, decided: impl FnOnce(&mut RouteChange)) {
        let before = self.route_now().await;
        let failure = self.swap(decided).await.expect_err(what);
        assert_eq!(failure.kind, FailureKind::Changed, "{what}: {failure}");
        assert_eq!(self.route_now().await, before, "{what}");
    }

    /// Traffic moves only if the hold is the observed one.
    pub(crate) async fn holds_count(&self) {
        let same = |seen: Option<&greenroom::inventory::Hold>| {
            let seen = HoldChange::Same(seen.cloned());
            move |change: &mut RouteChange| change.hold = seen
        };
        self.swap(same(None)).await.expect("nothing holds it");
        let first = hold("ana", 0, None);
        let placed = self.holds.place(self.target, &first).await;
        assert_eq!(placed.expect("placed"), None);
        self.is_refused("it is held since", same(None)).await;
        self.swap(same(Some(&first))).await.expect("the one seen");
        let end = cleared("ben", 10);
        self.holds
            .clear(self.target, &first, &end)
            .await
            .expect("cleared");
        self.is_refused("it is cleared since", same(Some(&first)))
            .await;
        let over = first.cleared(end);
        self.swap(same(Some(&over))).await.expect("as it was seen");
        let second = hold("ben", 20, None);
        let placed = self.holds.place(self.target, &second).await;
        assert_eq!(placed.expect("placed"), None);
        self.is_refused("another is in force", same(Some(&over)))
            .await;
        // A switch that needs no comparison with the hold is accepted.
        self.swap(|_| {}).await.expect("with any hold");
        self.holds
            .clear(self.target, &second, &cleared("ben", 30))
            .await
            .expect("cleared");
    }

    /// Traffic moves only while all its approvals exist.
    pub(crate) async fn approvals_count(&self) {
        let id = ReleaseId(ulid::Ulid::generate());
        let head = head(self.target, id);
        self.journal
            .head(&head, self.fence)
            .await
            .expect("a release");
        let ben = peer_approval(id, "ben", Duration::from_hours(1));
        let cleo = peer_approval(id, "cleo", Duration::from_hours(1));
        let on = |given: &[&greenroom::inventory::PeerApproval]| {
            let given: Vec<_> = given.iter().map(|one| (*one).clone()).collect();
            move |change: &mut RouteChange| change.peer_approvals = given
        };
        self.is_refused("it was not given", on(&[&ben])).await;
        for one in [&ben, &cleo] {
            self.peer_approvals
                .give(self.target, one)
                .await
                .expect("given");
        }
        self.swap(on(&[&ben, &cleo])).await.expect("both stand");
        self.peer_approvals
            .withdraw(self.target, &cleo)
            .await
            .expect("taken back");
        self.is_refused("one is gone", on(&[&ben, &cleo])).await;
        self.swap(on(&[&ben])).await.expect("the other exists");
        // A renewed approval is a different one: for another plan, or given at another time.
        let again = peer_approval(id, "ben", Duration::from_hours(2));
        self.peer_approvals
            .give(self.target, &again)
            .await
            .expect("given");
        self.is_refused("it is another", on(&[&ben])).await;
        self.race(&again).await;
    }

    /// An approval is withdrawn during the switch: one of them is first, and the other fails or
    /// sees it.
    async fn race(&self, given: &greenroom::inventory::PeerApproval) {
        for _ in 0..10 {
            self.peer_approvals
                .give(self.target, given)
                .await
                .expect("given");
            let before = self.route_now().await;
            let swap = self.swap(|change| change.peer_approvals = vec![given.clone()]);
            let back = self.peer_approvals.withdraw(self.target, given);
            let (swapped, back) = tokio::join!(swap, back);
            back.expect("taken back");
            let is_moved = self.route_now().await != before;
            match swapped {
                Ok(()) => assert!(is_moved),
                Err(failure) => {
                    assert_eq!(failure.kind, FailureKind::Changed, "{failure}");
                    assert!(!is_moved, "{failure}");
                }
            }
        }
    }
}
