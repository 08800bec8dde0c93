//! What others have to approve, and have approved, as far as it is seen from here.

use super::Model;
use crate::inventory::Endorsement;
use crate::release::{Status, approvers_needed, counted, endorsed_words};

impl Model {
    /// How many others a release needs before its switch, and what counts now; none where it needs nobody,
    /// and once its traffic has moved.
    pub fn endorsed(&self, status: &Status) -> Option<(usize, Vec<&Endorsement>)> {
        let needed = approvers_needed(&status.plan);
        if needed == 0 || status.may_have_switched || status.is_over() {
            return None;
        }
        let snapshot = self.world.get(status.plan.target())?;
        let driver = snapshot.lock.as_ref().map(|holder| &holder.record.operator);
        let given = &snapshot.endorsements;
        Some((needed, counted(&status.plan, given, driver, self.now)))
    }

    /// The same in words.
    pub fn endorsed_words(&self, status: &Status) -> Option<String> {
        let (needed, given) = self.endorsed(status)?;
        Some(endorsed_words(needed, &given, self.now))
    }
}
