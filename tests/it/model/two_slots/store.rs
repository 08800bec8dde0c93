//! What the store has about the slots: the route and the registrations, with the comparisons that `ports::registry`
//! promises. The caller compares the token of the lock.

use greenroom::inventory::Slot;
use greenroom::ports::FailureKind;

use super::super::scope::Scope;
use super::Slots;
use super::engine::index;
use super::flaws::SlotsFlaw;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Route {
    pub(crate) generation: u64,
    pub(crate) live: Slot,
    pub(crate) digest: char,
    pub(crate) release: u8,
    pub(crate) token: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Entered {
    pub(crate) digest: char,
    /// The number of the instance.
    pub(crate) instance: u8,
    pub(crate) release: u8,
    pub(crate) token: i64,
}

impl Slots {
    pub(crate) fn route_key(&self) -> Option<(u64, Slot)> {
        self.route.map(|route| (route.generation, route.live))
    }

    pub(crate) fn swap(
        &mut self,
        scope: &Scope<Self>,
        from: Option<(u64, Slot)>,
        to: Route,
        needed: bool,
    ) -> Result<(), FailureKind> {
        if self.route == Some(to) {
            return Ok(());
        }
        if self.route_key() != from && !scope.has_own(SlotsFlaw::StoreTakesAnyFrom) {
            return Err(FailureKind::Conflict);
        }
        let is_registered = self.registered[index(to.live)].is_some();
        if !is_registered && !scope.has_own(SlotsFlaw::StoreRoutesToUnregistered) {
            return Err(FailureKind::Conflict);
        }
        if !needed && !scope.has_own(SlotsFlaw::StoreTakesAnyNeeds) {
            return Err(FailureKind::Changed);
        }
        self.route = Some(to);
        Ok(())
    }

    pub(crate) fn deregister(
        &mut self,
        scope: &Scope<Self>,
        slot: Slot,
    ) -> Result<(), FailureKind> {
        let is_live = self.route.is_some_and(|route| route.live == slot);
        if is_live && !scope.has_own(SlotsFlaw::StoreDeregistersLive) {
            return Err(FailureKind::Conflict);
        }
        self.registered[index(slot)] = None;
        Ok(())
    }
}
