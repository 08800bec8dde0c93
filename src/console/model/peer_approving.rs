//! The peer approvals that a release needs and has, according to the latest observation of its target.

use super::Model;
use crate::inventory::{PeerApproval, PerSlot, SlotMembers, Snapshot, Target};
use crate::release::{
    Observed, Status, Weighed, own_release, peer_approved_words, unread_approvals, weigh,
};

impl Model {
    /// How many peer approvals a release needs before its switch, and the given approvals that count now. `None` if the
    /// release needs none, may already have switched, has ended, or has no driver, or if its target was not observed.
    pub fn peer_approved(&self, status: &Status) -> Option<(usize, Vec<&PeerApproval>)> {
        let needed = status.approvable().approvers_needed();
        if needed == 0 || status.may_have_switched || status.is_over() {
            return None;
        }
        let snapshot = self.world.get(status.plan.target())?;
        Some((needed, self.weigh(snapshot, status).counted))
    }

    fn weigh<'a>(&self, snapshot: &'a Snapshot, status: &Status) -> Weighed<'a> {
        let driver = snapshot.lock.as_ref().map(|holder| &holder.record.operator);
        let now = (self.now, &snapshot.clocks);
        weigh(status.approvable(), &snapshot.peer_approvals, driver, now)
    }

    /// Why given approvals do not count, one line for each approval. Approvals that cannot be read are included.
    pub fn not_peer_approved(&self, status: &Status) -> Vec<String> {
        let Some(snapshot) = self.world.get(status.plan.target()) else {
            return Vec::new();
        };
        let mut reasons = self.weigh(snapshot, status).ignored;
        reasons.extend(unread_approvals(&snapshot.target, &snapshot.problems));
        reasons
    }

    /// Whether a release waits for the approval of other operators.
    pub fn lacks_approvals(&self, status: &Status) -> bool {
        let may_need = status.progress.may_need_approvers();
        let peer_approved = self.peer_approved(status).filter(|_| may_need);
        peer_approved.is_some_and(|(needed, given)| given.len() < needed)
    }

    /// The release of a target, if it needs peer approvals, another console drives it, and this operator may approve
    /// the release.
    pub fn peer_approvable(&self, target: &Target) -> Option<&Observed> {
        let observed = self
            .elsewhere_in(target)
            .filter(|observed| observed.is_driven())?;
        self.peer_approved(&observed.status)?;
        let driver = observed.driver.as_ref().map(|record| &record.operator);
        let is_own = own_release(&self.operator, observed.status.approvable(), driver).is_some();
        (!is_own).then_some(observed)
    }

    /// The members of both slots of a target. `None` until the runtime has answered.
    pub fn in_slots(&self, target: &Target) -> Option<PerSlot<SlotMembers>> {
        let snapshot = self.world.get(target)?;
        let slots = &snapshot.slots;
        let is_known = snapshot.sources.runtime.has_answered();
        is_known.then(|| PerSlot::from_fn(|slot| slots.get(slot).members.clone()))
    }

    /// The number of needed approvals and the approvals that count, as a text.
    pub fn peer_approved_words(&self, status: &Status) -> Option<String> {
        let (needed, given) = self.peer_approved(status)?;
        Some(peer_approved_words(needed, &given, self.now))
    }
}
