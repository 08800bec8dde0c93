//! Checks under the lock that the baseline of a plan is unchanged. The state may have changed while the operator read
//! the plan.

use super::{Plan, Refusal, Refused};
use crate::inventory::{Occupancy, RegistryRecord, SlotMembers, against_rollout};

impl Plan {
    /// Refuses if the plan's baseline has changed: the route, the members of the plan's slot, the queue entry of its
    /// push, or the registration of the version of a warm rollback. If the slot of a warm rollback is no longer
    /// registered, another driver may be stopping its members, so the version is not warm.
    pub fn unchanged(&self, record: &RegistryRecord, occupancy: &Occupancy) -> Result<(), Refused> {
        self.is_still_due(record)?;
        let slot = self.slot;
        let route = record.route.as_ref();
        let route = route.map(|route| (route.value.generation, route.value.live));
        let planned = self.from.as_ref().map(|from| (from.generation, from.slot));
        if route != planned {
            return Err(changed("the route has changed".to_owned()));
        }
        let empty = SlotMembers::default();
        let found = match occupancy {
            Occupancy::Free => &empty,
            Occupancy::Ours(members) => members,
            Occupancy::Foreign(by) => return Err(changed(format!("{slot} was occupied by {by}"))),
        };
        let expected = self.leftover.ids().chain(self.warm.ids());
        if !expected.eq(found.ids()) {
            return Err(changed(format!(
                "the container or process in {slot} has changed"
            )));
        }
        let registered = record
            .slots
            .get(slot)
            .as_ref()
            .map(|entry| &entry.value.digest);
        if !self.warm.is_empty() && registered != Some(&self.version.digest) {
            return Err(changed(format!("the registration of {slot} has changed")));
        }
        Ok(())
    }

    /// Refuses if the release is for a push whose entry no longer names it, or if a newer push takes its place. An agent
    /// that was not heard of for a while may have lost the entry to another agent.
    fn is_still_due(&self, record: &RegistryRecord) -> Result<(), Refused> {
        let Some(trigger) = &self.trigger else {
            return Ok(());
        };
        match against_rollout(&record.queue, &trigger.entry, self.release) {
            Some(change) => Err(changed(change)),
            None => Ok(()),
        }
    }
}

fn changed(change: String) -> Refused {
    Refusal::WorldChanged { change }.into()
}
