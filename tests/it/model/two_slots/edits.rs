//! What people and other programs change by hand, without Greenroom. A changed fact breaks no interlock until an act of
//! Greenroom changes it again.

use greenroom::inventory::Slot;

use super::Slots;
use super::engine::index;
use super::store::Route;

/// One change by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edit {
    /// The container is removed.
    Vanishes(Slot),
    /// A stopped container is started again.
    StartsAgain(Slot),
    /// The key of a registration is deleted.
    Unregisters(Slot),
    /// The route names the other slot.
    RoutesElsewhere,
    DeletesRoute,
    /// The live pointer names the other slot.
    PointsElsewhere,
    /// The proxy is started again without its live pointer.
    LosesPointer,
    /// Requests arrive in a slot although the proxy does not send them there, for example from an old worker.
    Lingers(Slot),
}

/// The facts that an edit has changed, and no act of Greenroom since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Edited {
    pub(super) gone: [bool; 2],
    pub(super) unregistered: [bool; 2],
    pub(super) route: bool,
    pub(super) pointer: bool,
}

impl Slots {
    pub(super) fn can_be_edited(&self, edit: Edit) -> bool {
        match edit {
            Edit::Vanishes(slot) => self.engine[index(slot)].is_some(),
            Edit::StartsAgain(slot) => self.engine[index(slot)].is_some_and(|it| !it.up),
            Edit::Unregisters(slot) => self.registered[index(slot)].is_some(),
            Edit::RoutesElsewhere | Edit::DeletesRoute => self.route.is_some(),
            Edit::PointsElsewhere | Edit::LosesPointer => self.proxy.link.is_some(),
            Edit::Lingers(_) => self.lingers.is_none(),
        }
    }

    pub(super) fn edit(&mut self, edit: Edit) {
        self.edits -= 1;
        match edit {
            Edit::Vanishes(slot) => {
                self.engine[index(slot)] = None;
                self.edited.gone[index(slot)] = true;
            }
            Edit::StartsAgain(slot) => {
                if let Some(running) = &mut self.engine[index(slot)] {
                    running.up = true;
                    running.hurt = true;
                }
            }
            Edit::Unregisters(slot) => {
                self.registered[index(slot)] = None;
                self.edited.unregistered[index(slot)] = true;
            }
            Edit::RoutesElsewhere => {
                self.route = self.route.map(|route| Route {
                    live: route.live.other(),
                    generation: route.generation + 5,
                    ..route
                });
                self.edited.route = true;
            }
            Edit::DeletesRoute => self.route = None,
            Edit::PointsElsewhere => {
                self.proxy.point_elsewhere();
                self.edited.pointer = true;
            }
            Edit::LosesPointer => self.proxy.link = None,
            Edit::Lingers(slot) => self.lingers = Some(slot),
        }
    }
}
