//! Decides which releases may prove the version in the slot of the route, and whether a release proves it. The engine
//! reads the releases.

use crate::history::{Recorded, proves_released, proves_switch_started};
use crate::inventory::{Digest, ReleaseId, Slot, Snapshot, Target};
use crate::release::Known;

/// What a release must prove about a route: that it made this version live in this slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteProof {
    target: Target,
    slot: Slot,
    digest: Digest,
    /// Whether an instance is in the slot.
    is_there: bool,
    /// The releases that may prove it: the release in the route, then the release in the registration of the slot.
    pub releases: Vec<ReleaseId>,
}

impl RouteProof {
    /// The error says why no release must be read: there is no route, the members of its slot are not whole, or the
    /// slot is not empty and every edge already sends the traffic to it.
    pub fn of(snapshot: &Snapshot) -> Result<Self, String> {
        let Some(route) = snapshot.route.as_ref().map(|route| &route.value) else {
            return Err("there is no route".to_owned());
        };
        let slot = snapshot.slots.get(route.live);
        let is_there = !slot.members.is_empty();
        if is_there && snapshot.edges.all_name(route.live) {
            return Err("the release was not read, because the proxy already sends the traffic to the slot of the route".to_owned());
        }
        if let Some(difference) = slot.members.difference() {
            return Err(format!("{} {difference}", route.live));
        }
        let digest = slot.members.digest();
        let mut releases = vec![route.release];
        let entry = slot.registration.as_ref().map(|entry| entry.value.release);
        releases.extend(entry.filter(|release| *release != route.release));
        Ok(Self {
            target: snapshot.target.clone(),
            slot: route.live,
            digest: digest.unwrap_or(&route.digest).clone(),
            is_there,
            releases,
        })
    }

    /// Whether this release proves it. The error says what is missing. While an instance is in the slot, a release that
    /// started its switch after its checks is proof enough: the driver may have ended after it wrote the route and
    /// before it changed the proxy.
    pub fn by(&self, recorded: Option<&Recorded>) -> Known<()> {
        let Some(recorded) = recorded else {
            return Err("the store has no such release".to_owned());
        };
        let of = (self.slot, &self.digest);
        proves_released(recorded, &self.target, of).or_else(|why| {
            let started = proves_switch_started(recorded, &self.target, of);
            started.ok().filter(|()| self.is_there).ok_or(why)
        })
    }
}
