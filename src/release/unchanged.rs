//! Whether the world is still the one that a plan was made of. It may have moved while a dialog was
//! open, so under the lock it is looked at once more. Pure.

use super::{Plan, Refusal, Refused};
use crate::inventory::{Occupancy, RegistryRecord};

impl Plan {
    /// Refuses where what the plan stands on is not as it was: the route, what stands in its slot, and of a
    /// version that was warm that it is still registered. What somebody began to put away is not warm
    /// any more, though it may run until the engine has ended it.
    pub fn unchanged(&self, record: &RegistryRecord, occupancy: &Occupancy) -> Result<(), Refused> {
        let slot = self.slot;
        let route = record.route.as_ref();
        let route = route.map(|route| (route.value.generation, route.value.live));
        let planned = self.from.as_ref().map(|from| (from.generation, from.slot));
        if route != planned {
            return Err(changed("the route has changed".to_owned()));
        }
        let expected = self
            .leftover
            .as_ref()
            .or(self.warm.as_ref())
            .map(|it| &it.id);
        let found = match occupancy {
            Occupancy::Free => None,
            Occupancy::Ours(instance) => Some(&instance.id),
            Occupancy::Foreign(by) => return Err(changed(format!("{slot} was taken by {by}"))),
        };
        if expected != found {
            return Err(changed(format!("what stands in {slot} has changed")));
        }
        let registered = record
            .slots
            .get(slot)
            .as_ref()
            .map(|entry| &entry.value.digest);
        if self.warm.is_some() && registered != Some(&self.version.digest) {
            return Err(changed(format!("{slot} is not registered any more")));
        }
        Ok(())
    }
}

fn changed(what: String) -> Refused {
    Refusal::WorldChanged { what }.into()
}
